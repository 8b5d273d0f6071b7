use super::{super::volatile::Volatile, *};

const FORMAT: Format = Format {
    kind: "test",
    version: 1,
};
const PATH: &str = "/d/test.jsonl";

fn open(disk: &Volatile) -> Log {
    Log::open(Arc::new(disk.clone()), PATH, FORMAT).expect("can be opened")
}

fn lines(log: &Log) -> Vec<String> {
    let (mut lines, mut line, mut found) = (log.lines().expect("readable"), Vec::new(), Vec::new());
    while lines.next_into(&mut line).expect("readable").is_some() {
        found.push(String::from_utf8_lossy(&line).into_owned());
    }
    found
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    for lucky in [0, 1, 2, 100] {
        let disk = Volatile::default();
        let mut log = open(&disk);
        log.append(b"1\n2\n").expect("appended");
        log.append(b"3\n").expect("appended");
        disk.append(Path::new(PATH))
            .and_then(|mut file| file.write_all(b"45\n"))
            .expect("written, not synced");
        disk.crash_keeping(lucky);
        let mut log = open(&disk);
        let kept: &[&str] = if lucky < 3 {
            &["1", "2", "3"]
        } else {
            &["1", "2", "3", "45"]
        };
        assert_eq!(lines(&log), kept, "{lucky} bytes more");
        log.append(b"6\n").expect("appended");
        assert_eq!(lines(&log), [kept, &["6"]].concat(), "{lucky} bytes more");
    }
}

#[test]
fn an_append_that_fails_half_way_leaves_nothing_and_the_next_one_works() {
    let disk = Volatile::default();
    let mut log = open(&disk);
    log.append(b"1\n").expect("appended");
    disk.limit(Some(2));
    let error = log.append(b"22222\n").expect_err("the disk is full");
    assert!(error.is_full(), "{error}");
    assert_eq!(lines(&log), ["1"]);
    disk.limit(None);
    log.append(b"3\n").expect("appended");
    assert_eq!(lines(&log), ["1", "3"]);
    assert_eq!(lines(&open(&disk)), ["1", "3"]);
}

#[test]
fn a_replacement_is_whole_or_not_at_all() {
    let disk = Volatile::default();
    let mut log = open(&disk);
    log.append(b"1\n2\n").expect("appended");
    disk.refuse(Some(io::ErrorKind::ReadOnlyFilesystem));
    log.replace(&mut |file| file.write_all(b"2\n"))
        .expect_err("read only");
    assert_eq!(lines(&log), ["1", "2"]);
    disk.refuse(None);
    log.replace(&mut |file| file.write_all(b"2\n")).expect("replaced");
    log.append(b"3\n").expect("appended");
    assert_eq!(lines(&log), ["2", "3"]);
}

#[test]
fn damage_is_set_aside_and_a_newer_version_is_left_alone() {
    let disk = Volatile::default();
    disk.put(
        PATH,
        b"not a header at all, but a long line of something else\n1\n",
    );
    let mut log = open(&disk);
    log.append(b"2\n").expect("appended");
    assert_eq!(lines(&log), ["2"]);
    assert!(disk.content("/d/test.jsonl.damaged.1").ends_with(b"else\n1\n"));

    disk.put(PATH, b"{\"netkestrel\":\"test\",\"version\":9}\n1\n");
    let error = Log::open(Arc::new(disk.clone()), PATH, FORMAT)
        .err()
        .expect("is newer");
    assert!(matches!(error, Error::Newer { found: 9, .. }), "{error}");
}

#[test]
fn a_file_torn_at_its_birth_is_begun_anew() {
    let disk = Volatile::default();
    disk.put(PATH, b"{\"netkes");
    let mut log = open(&disk);
    assert!(log.is_empty());
    log.append(b"1\n").expect("appended");
    assert_eq!(lines(&open(&disk)), ["1"]);
}
