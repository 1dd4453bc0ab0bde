//! What others escaped by, or leaked through: one test for each, named after its CVE, that fails when the protection is taken out. What a test says of
//! how it was seen to fail was tried by hand: the line was removed, the test run, the line put back.
//!
//! | what | whose | how | the test, or why there is none |
//! |---|---|---|---|
//! | CVE-2014-6407, CVE-2014-9356 | docker | `..`, links and hard links of an archive led out of the layer | `no_entry_leaves_its_layer`, `no_entry_has_a_false_link_name_or_number` |
//! | CVE-2014-9357 | docker | a layer was inflated by a program as root of the host | `cve_2026_41567_no_program_of_the_container_inflates` |
//! | CVE-2014-9358 | docker | ids of a loaded image were taken as paths | `descriptors_that_lead_nowhere_are_refused` |
//! | CVE-2015-1335 | LXC | a mount point of the image was a link | `cve_2021_30465_a_link_at_a_mount_point_stays_inside` |
//! | CVE-2015-3627, CVE-2016-9962 | docker, runc | descriptors of the runtime were within reach | `cve_2024_21626_nothing_but_standard_streams_is_open`, `cve_2016_9962_nobody_looks_into_who_enters` |
//! | CVE-2015-3630, CVE-2016-1581 | docker, LXD | files of `/proc` could be written | `cve_2015_3630_what_changes_the_machine_refuses_writes` |
//! | CVE-2016-2568, CVE-2017-5226, CVE-2023-28100 | pkexec, bubblewrap, flatpak | input was pushed into the caller's terminal | `cve_2017_5226_a_program_does_not_type_for_its_caller` |
//! | CVE-2016-3697, CVE-2024-40635, CVE-2026-46680 | runc, containerd | a number of a user became another one, or a name | `cve_2024_40635_a_number_that_is_too_big_is_nobody`, `cve_2024_40635_neither_when_it_is_run_nor_later` |
//! | CVE-2016-8867, CVE-2022-24769, CVE-2022-27649, CVE-2022-27650, CVE-2022-29162, CVE-2025-27612 | docker, podman, crun, runc, youki | capabilities were inheritable or ambient | `cve_2022_27650_nothing_is_inheritable`, `cve_2022_24769_nothing_is_inheritable_by_default` |
//! | CVE-2017-16539, CVE-2018-10892, GHSA-6fw5-f8r9-fgfm, GHSA-jq35-85cj-fj4p | docker | `/proc/scsi`, `/proc/acpi`, `/proc/interrupts` and more were not hidden | `cve_2018_10892_what_is_hidden_by_others_is_hidden` |
//! | CVE-2018-15664, CVE-2019-10152, CVE-2019-18466, CVE-2021-41089 | docker, podman | links that are swapped while `cp` runs | `links_that_are_swapped_in_a_loop_lead_nowhere_else` |
//! | CVE-2018-20699 | docker | a list of processors with absurd numbers took all memory | `cve_2018_20699_an_absurd_list_is_cut` |
//! | CVE-2019-14271 | docker | `cp` loaded libraries of the container | `cve_2019_14271_a_copy_loads_no_library`, `cve_2019_14271_nothing_is_loaded_in_a_container` |
//! | CVE-2019-5736 | runc, LXC | the program that enters was written from inside | `cve_2019_5736_a_container_cannot_write_its_monitor`, `cve_2019_5736_a_container_cannot_write_its_runtime`, `the_first_process_gives_nobody_its_program` |
//! | CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2025-52881, CVE-2025-62596 | runc, youki | labels and protections went to a false `/proc` | `cve_2019_16884_a_false_proc_is_refused`, `cve_2025_52881_protected_paths_follow_no_links` |
//! | CVE-2020-13401, CVE-2020-10749 | docker, CNI | router advertisements of a container were believed | `cve_2020_13401_no_container_is_the_host_s_router` |
//! | CVE-2020-14370 | podman | an environment went to the next container | `cve_2020_14370_environments_are_kept_apart` |
//! | CVE-2020-15157 | containerd | a login was sent to where a layer lies | `a_layer_that_lies_elsewhere_is_fetched_without_a_login` |
//! | CVE-2020-15257 | containerd | sockets of a shim without a file were within reach | `cve_2020_15257_a_monitor_serves_its_owner_only` |
//! | CVE-2021-21285 | docker | a broken manifest ended the daemon | `wrong_digests_sizes_and_documents_are_refused` |
//! | CVE-2021-25743 | kubectl | control characters of names reached the terminal | `cve_2021_25743_nothing_that_is_listed_is_obeyed` |
//! | CVE-2021-30465, CVE-2024-45310 | runc | a mount point was exchanged for a link | `cve_2021_30465_a_mount_point_that_is_exchanged_leads_nowhere`, `cve_2024_45310_no_file_is_made_where_a_link_of_the_image_leads` |
//! | CVE-2021-32760 | containerd | unpacking changed modes of files of the host | `cve_2021_32760_no_entry_changes_a_file_outside` |
//! | CVE-2021-41091, CVE-2021-41103, CVE-2024-25621 | docker, containerd | directories of the store were open to all users | `cve_2021_41103_a_store_is_closed_to_others` |
//! | CVE-2021-41092 | docker | a login went elsewhere when its helper was missing | `a_login_is_asked_of_the_helper_that_keeps_it` |
//! | CVE-2021-41190 | distribution | one document was read as two kinds | `a_document_is_an_index_or_a_manifest_never_both` |
//! | CVE-2022-0492, CVE-2023-25809 | kernel, runc | the release agent, or groups of others, were written | `cve_2022_0492_control_groups_refuse_writes`, `cve_2022_0492_a_container_without_namespace_is_shown_its_own_groups_only`, `cve_2023_25809_groups_of_others_cannot_be_written` |
//! | CVE-2022-0811 | CRI-O | one parameter of the kernel carried another | `cve_2022_0811_parameters_of_the_host_stay`, `cve_2022_0811_no_name_leads_to_another_parameter` |
//! | CVE-2022-1708, CVE-2022-23471, CVE-2022-31030, CVE-2025-64329 | CRI-O, containerd | programs executed inside took memory outside for good | `cve_2022_23471_what_cannot_be_executed_costs_a_monitor_nothing`, `what_a_check_writes_is_kept_to_a_measure` |
//! | CVE-2022-23648 | containerd | a volume of an image led out | `cve_2024_45310_no_file_is_made_where_a_link_of_the_image_leads`; volumes of images are not made at all |
//! | CVE-2022-2989, CVE-2022-2990, CVE-2022-2995, CVE-2022-36109, CVE-2023-25173 | podman, buildah, CRI-O, docker, containerd | further groups were not those of the image | `cve_2023_25173_further_groups_are_those_of_the_image` |
//! | CVE-2023-25153 | containerd | a document of an archive of any size was read whole | `absurd_sizes_are_refused_before_the_disk_is_full` |
//! | CVE-2024-21626 | runc | a directory of the host by a descriptor that was left open | `cve_2024_21626_no_directory_to_start_in_is_a_descriptor`, `cve_2024_21626_no_directory_of_the_host_is_within_reach`, `cve_2024_21626_no_descriptor_is_a_way_out` |
//! | CVE-2024-9676 | podman | `/etc/passwd` as a pipe or without end | `cve_2024_9676_strange_lists_of_users_are_refused` |
//! | CVE-2025-31133 | runc | `/dev/null` that hides a path was a link | `cve_2025_31133_a_false_null_hides_nothing`, `cve_2018_10892_what_is_hidden_by_others_is_hidden` |
//! | CVE-2025-52565, CVE-2026-88264, CVE-2026-88265 | runc, crun | `/dev/console`, `/dev/pts` were links | `cve_2026_88264_links_in_a_dev_of_the_image_lead_nowhere` |
//! | CVE-2026-30892 | crun | a user of `exec` was read wrongly | `cve_2026_30892_a_user_is_what_was_written` |
//! | CVE-2026-41567 | docker | a program of the container inflated what is copied in | `cve_2026_41567_no_program_of_the_container_inflates` |
//! | CVE-2026-41579, CVE-2026-47766, CVE-2025-54867, GHSA-992m-xc3g-r7rj | runc, crun, youki | `/dev`, `/proc` or `/sys` of an image was a link | `cve_2026_41579_an_image_without_directories_of_the_system_is_refused` |
//! | CVE-2026-42306 | docker | a mount that `cp` made went elsewhere | `cve_2026_42306_a_copy_mounts_nothing_outside_of_the_container` |
//! | CVE-2026-55686 | podman | a directory to start in was made outside | `cve_2026_55686_a_directory_to_start_in_is_made_inside` |
//! | CVE-2017-14992, CVE-2021-20291 | docker, containers/storage | a layer without end, or one that breaks off, filled memory or hung | `a_layer_that_inflates_a_hundredfold_ends_with_its_archive`, `broken_layers_are_refused` |
//! | CVE-2019-13139, CVE-2020-27534, CVE-2024-1753, CVE-2024-9407, CVE-2024-9675, CVE-2024-11218, CVE-2024-23651, CVE-2024-23652, CVE-2024-23653, CVE-2024-24557 | docker, `BuildKit`, buildah | while an image is built | nothing is built here |
//! | CVE-2020-1726, CVE-2023-0778 | podman | a volume was filled or exported through links | there are no volumes by name |
//! | CVE-2021-20199, CVE-2020-8558, CVE-2025-54388, CVE-2025-54410, GHSA-x4rx-4gw3-53p4 | podman, kubernetes, docker | published ports or their rules | no port is published |
//! | CVE-2021-21284 | docker | the store of a daemon whose users are shifted belonged to a user | no daemon; each user has a store of its own, of mode 700 |
//! | CVE-2021-43784 | runc | a message to the first process was longer than its length could say | the first process is a copy of its maker, and what it needs is in its memory (`sys::clone`) |
//! | CVE-2022-1227 | podman | `top` executed a program of the container | `top` reads the host's `/proc` and executes nothing |
//! | CVE-2024-3154 | CRI-O | annotations became properties of a unit | no annotation is read for one (`Scope::begin`) |
//! | CVE-2024-9341 | podman | a mount for FIPS followed a link of the image | nothing is mounted because of what an image holds |
//! | CVE-2024-29018 | docker | names were asked of the host's resolver from an internal network | there is no resolver; names stand in `/etc/hosts` |
//! | CVE-2024-41110 | docker | a request without a body was not asked about | there is no API, and nobody to ask |
//! | CVE-2025-47290 | containerd | the file system was changed while a layer was unpacked | each path is resolved beneath an open directory (`sys::beneath`), in a store of mode 700 |
//!
//! That the tests are there, and that none of these that a source names is missing, is itself tested.

mod calls;
mod descriptors;
mod monitor;
mod mounts;
mod network;
mod program;
mod system;
mod terminal;
mod users;

use std::{collections::BTreeSet, fs, path::Path};

/// Gives what begins with `start` in a text and goes on with letters, digits, `-` and `_`.
fn names(text: &str, start: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let found = text.split(start).skip(1).map(|rest| rest.split(|c| !is_part(c)).next());
    found.flatten().map(|rest| format!("{start}{rest}")).collect()
}

/// Reads all sources but this one.
fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs")
            && !path.ends_with("it/escapes.rs")
        {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_table_names_tests_that_there_are_and_leaves_none_out() {
    let mut text = String::new();
    for directory in ["src", "tests/it"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut text);
    }
    let rows = include_str!("escapes.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    let rows: Vec<Vec<&str>> = rows.skip(1).map(|row| row.split(" | ").collect()).collect();
    assert!(rows.len() > 50);
    let (mut known, mut tested) = (BTreeSet::new(), BTreeSet::new());
    for row in &rows {
        let [what, _, _, proof] = row.as_slice() else { panic!("{row:?}") };
        let what = what.split(", ").map(str::to_owned);
        what.for_each(|name| assert!(known.insert(name.clone()), "{name} is there twice"));
        // A name with a path is one of the code's, not a test's.
        let quoted = proof.split('`').skip(1).step_by(2).filter(|name| !name.contains([':', '/']));
        tested.extend(quoted.filter(|name| *name != "top").map(str::to_owned));
    }
    for test in &tested {
        assert!(text.contains(&format!("fn {test}(")), "there is no test {test}");
    }
    for start in ["CVE-", "GHSA-"] {
        let missing: Vec<String> = names(&text, start).difference(&known).cloned().collect();
        assert!(missing.is_empty(), "not in the table: {missing:?}");
    }
    let named = names(&text, "fn cve_").into_iter().map(|name| name.replace("fn ", ""));
    let missing: Vec<String> = named.filter(|name| !tested.contains(name)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}
