//! The reference and platform parsers: what they take, they write so that they take it again as the same.
#![no_main]

use estiba::model::{ImageReference, Platform};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<ImageReference>() {
        assert_eq!(reference.to_string().parse().as_ref(), Ok(&reference));
        assert_eq!(reference.canonical().parse().as_ref(), Ok(&reference));
        assert!(reference.tag().is_some() || reference.digest().is_some());
        assert!(!reference.canonical().chars().any(|c| c.is_control() || c.is_whitespace()));
        for part in reference.repository().split('/') {
            assert!(!part.is_empty() && part != "." && part != "..");
        }
    }
    if let Ok(platform) = text.parse::<Platform>() {
        assert_eq!(platform.to_string().parse().as_ref().ok(), Some(&platform));
    }
});
