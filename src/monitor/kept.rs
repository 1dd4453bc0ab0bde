//! The spec of a container, as its monitor keeps it: for programs that are executed later, and for its next runs.

use std::borrow::Cow;

use oci_spec::runtime::{LinuxResources, Spec};

use super::StartFailure;

/// A container's spec.
#[derive(Debug)]
pub(super) enum Kept {
    /// As it came.
    Whole(Box<Spec>),
    /// As JSON: a tenth of that in memory.
    Text(Vec<u8>),
}

impl Kept {
    /// Makes it small.
    pub(super) fn shrink(&mut self) {
        if let Self::Whole(spec) = self
            && let Ok(text) = serde_json::to_vec(spec)
        {
            *self = Self::Text(text);
        }
    }

    /// Gives it as it came.
    ///
    /// # Errors
    /// When what was written cannot be read, which is a defect.
    pub(super) fn read(&self) -> Result<Cow<'_, Spec>, StartFailure> {
        match self {
            Self::Whole(spec) => Ok(Cow::Borrowed(spec)),
            Self::Text(text) => serde_json::from_slice(text)
                .map(Cow::Owned)
                .map_err(|error| StartFailure::new(&error)),
        }
    }

    /// Puts limits in place of those that the next run would have; devices, which nobody can change, stay.
    ///
    /// # Errors
    /// As [`Kept::read`].
    pub(super) fn set_limits(
        &mut self,
        limits: Option<LinuxResources>,
    ) -> Result<(), StartFailure> {
        let mut spec = self.read()?.into_owned();
        let mut linux = spec.linux().clone().unwrap_or_default();
        let devices = linux.resources().as_ref().and_then(|old| old.devices().clone());
        let is_empty = limits.is_none() && devices.is_none();
        let mut limits = limits.unwrap_or_default();
        limits.set_devices(devices);
        linux.set_resources((!is_empty).then_some(limits));
        spec.set_linux(Some(linux));
        *self = Self::Whole(Box::new(spec));
        self.shrink();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use oci_spec::runtime::LinuxPids;

    use super::*;

    #[test]
    fn limits_are_replaced_and_devices_stay() {
        let mut kept = Kept::Whole(Box::default());
        let limits_of = |kept: &Kept| {
            let spec = kept.read().unwrap().into_owned();
            let resources = spec.linux().clone().unwrap().resources().clone()?;
            Some((resources.devices().clone(), resources.pids().map(|pids| pids.limit())))
        };
        let (devices, pids) = limits_of(&kept).unwrap();
        assert!(devices.is_some() && pids.is_none(), "the default spec refuses devices");
        let mut wanted = LinuxPids::default();
        wanted.set_limit(7);
        let mut limits = LinuxResources::default();
        limits.set_devices(None).set_pids(Some(wanted));
        kept.set_limits(Some(limits)).unwrap();
        assert_eq!(limits_of(&kept), Some((devices.clone(), Some(7))));
        kept.set_limits(None).unwrap();
        assert_eq!(limits_of(&kept), Some((devices, None)));
        assert!(matches!(kept, Kept::Text(_)));
    }
}
