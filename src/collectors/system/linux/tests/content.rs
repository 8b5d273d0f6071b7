//! Content that the files of /proc should never have: each is named by its line, none panics.

use std::{fs, path::Path};

use proptest::prelude::*;

use super::data;
use crate::collectors::system::{
    config::Config,
    linux::{diskstats, loadavg, meminfo, mountinfo::Tree, mounts::Sight, source, stat},
};

/// Every file below `bad`: its first line is the message, what follows is the content of the file in /proc that
/// its folder names.
#[test]
fn bad_content_is_named_by_line() {
    let mut cases = 0;
    for kind in fs::read_dir(data("bad"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
    {
        for case in fs::read_dir(&kind)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
        {
            let bytes = fs::read(&case).expect("readable");
            let (message, content) =
                bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').expect("a message"));
            let kind = kind.file_name().and_then(|name| name.to_str()).expect("a name");
            let error = parse_any(kind, &content[1..]).expect_err("the content is bad");
            assert_eq!(error.to_string().as_bytes(), message, "{}", case.display());
            cases += 1;
        }
    }
    assert!(cases >= 30, "{cases} cases");
}

const KINDS: [&str; 6] = [
    "stat",
    "loadavg",
    "uptime",
    "meminfo",
    "self/mountinfo",
    "diskstats",
];

fn parse_any(kind: &str, content: &[u8]) -> Result<(), source::Malformed> {
    match kind {
        "stat" => stat::parse(content).map(drop),
        "loadavg" => loadavg::parse(content).map(drop),
        "uptime" => loadavg::uptime(content).map(drop),
        "meminfo" => meminfo::parse(content).map(drop),
        "mountinfo" | "self/mountinfo" => {
            let own = Tree::parse(content)?;
            let of_process_1 = Some(own.clone());
            let sight = Sight::new(own, of_process_1, Path::new("/"));
            drop(sight.select(&Config::default()));
            Ok(())
        }
        "diskstats" => diskstats::parse(content).map(drop),
        other => panic!("no parser for {other}"),
    }
}

proptest! {
    #[test]
    fn no_content_panics(kind in 0..KINDS.len(), content in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_any(KINDS[kind], &content);
    }

    #[test]
    fn no_damage_to_real_content_panics(
        kind in 0..KINDS.len(),
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut content = fs::read(data("small/proc").join(KINDS[kind])).expect("readable");
        for (place, byte) in damage {
            let place = place.index(content.len());
            content[place] = byte;
        }
        content.truncate(cut.index(content.len()) + 1);
        let _ = parse_any(KINDS[kind], &content);
    }
}
