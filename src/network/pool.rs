//! Which subnets and addresses are given out. Pure.

use std::{collections::HashSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

/// Where subnets are taken from, in this order: private ranges (RFC 1918) that routers at home and Docker seldom use.
const POOLS: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 210, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 28, 0, 0), 14),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 128, 0), 17),
];

/// The prefix length of a subnet that nobody chose.
const PREFIX: u8 = 24;

/// Picks a /24 of 10.210.0.0/16 (then 172.28.0.0/14, then 192.168.128.0/17) that meets none of `taken` (networks and routes). Pure.
pub fn choose_subnet(taken: &[Ipv4Net]) -> Option<Ipv4Net> {
    let meets = |subnet: &Ipv4Net| {
        taken.iter().any(|other| other.contains(subnet) || subnet.contains(other))
    };
    POOLS
        .iter()
        .filter_map(|pool| pool.subnets(PREFIX).ok())
        .flatten()
        .find(|subnet| !meets(subnet))
}

/// Picks the first free host address of a subnet; never network, broadcast, gateway or one of `taken`. Pure.
pub fn choose_address(subnet: Ipv4Net, gateway: Ipv4Addr, taken: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    let taken: HashSet<_> =
        taken.iter().copied().chain([subnet.network(), subnet.broadcast(), gateway]).collect();
    subnet.hosts().find(|address| !taken.contains(address))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    fn address(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn the_pools_follow_one_another() {
        let cases: [(&[&str], Option<&str>); 6] = [
            (&[], Some("10.210.0.0/24")),
            (&["10.210.0.0/24", "10.210.2.0/24"], Some("10.210.1.0/24")),
            (&["10.210.0.9/32"], Some("10.210.1.0/24")),
            (&["10.0.0.0/8"], Some("172.28.0.0/24")),
            (&["10.0.0.0/8", "172.16.0.0/12"], Some("192.168.128.0/24")),
            (&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], None),
        ];
        for (taken, expected) in cases {
            let taken: Vec<_> = taken.iter().map(|text| net(text)).collect();
            assert_eq!(choose_subnet(&taken), expected.map(net), "{taken:?}");
        }
    }

    #[test]
    fn the_pools_end() {
        let all: Vec<_> = POOLS.iter().flat_map(|pool| pool.subnets(PREFIX).unwrap()).collect();
        assert_eq!(all.len(), 256 + 1024 + 128);
        assert_eq!(choose_subnet(&all), None);
        for free in [0, 255, 256, 1279, 1280, 1407] {
            let mut taken = all.clone();
            assert_eq!(choose_subnet(&taken[..free]), Some(all[free]));
            assert_eq!(Some(taken.remove(free)), choose_subnet(&taken));
        }
    }

    #[test]
    fn small_subnets_have_what_remains() {
        let cases = [
            ("10.1.0.0/24", "10.1.0.1", Some("10.1.0.2")),
            ("10.1.0.0/24", "10.1.0.254", Some("10.1.0.1")),
            ("10.1.0.0/30", "10.1.0.1", Some("10.1.0.2")),
            ("10.1.0.0/31", "10.1.0.0", None),
            ("10.1.0.0/32", "10.1.0.0", None),
        ];
        for (subnet, gateway, expected) in cases {
            assert_eq!(
                choose_address(net(subnet), address(gateway), &[]),
                expected.map(address),
                "{subnet}"
            );
        }
    }

    fn any_net() -> impl Strategy<Value = Ipv4Net> {
        let anywhere = (any::<u32>(), 1..=32_u8);
        // Most of these lie in the pools, where they can be in the way.
        let near = (
            prop_oneof![
                0x0ad2_0000..=0x0ad2_ffff_u32,
                0xac1c_0000..=0xac1f_ffff_u32,
                0xc0a8_8000..=0xc0a8_ffff_u32,
            ],
            12..=32_u8,
        );
        prop_oneof![anywhere, near]
            .prop_map(|(bits, prefix)| Ipv4Net::new(Ipv4Addr::from(bits), prefix).unwrap())
    }

    proptest! {
        #[test]
        fn a_chosen_subnet_meets_nothing_that_is_taken(
            taken in proptest::collection::vec(any_net(), 0..40)
        ) {
            if let Some(chosen) = choose_subnet(&taken) {
                prop_assert_eq!(chosen.prefix_len(), 24);
                prop_assert_eq!(chosen, chosen.trunc());
                for other in taken {
                    prop_assert!(chosen.network() > other.broadcast() || chosen.broadcast() < other.network());
                }
            }
        }

        #[test]
        fn every_host_address_is_given_once_and_then_none(
            bits in any::<u32>(), prefix in 26..=32_u8, gateway in any::<u32>()
        ) {
            let subnet = Ipv4Net::new(Ipv4Addr::from(bits), prefix).unwrap().trunc();
            let size = u32::try_from(1_u64 << (32 - prefix)).unwrap();
            let gateway = Ipv4Addr::from(u32::from(subnet.network()) + gateway % size);
            let mut taken = Vec::new();
            while let Some(chosen) = choose_address(subnet, gateway, &taken) {
                prop_assert!(subnet.contains(&chosen) && !taken.contains(&chosen));
                prop_assert!(![subnet.network(), subnet.broadcast(), gateway].contains(&chosen));
                taken.push(chosen);
            }
            let is_host = gateway != subnet.network() && gateway != subnet.broadcast();
            let hosts = size.saturating_sub(2) - u32::from(is_host);
            prop_assert_eq!(taken.len(), usize::try_from(hosts).unwrap());
        }
    }
}
