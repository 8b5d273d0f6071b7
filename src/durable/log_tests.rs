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
        let mut file = disk.append(Path::new(PATH)).expect("opened");
        file.size()
            .and_then(|end| file.write_at(end, b"45\n"))
            .expect("written, not synced");
        disk.crash_keeping(lucky, 0);
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

/// A log that is long enough for space, and the number of its last line.
fn long(disk: &Volatile) -> (Log, u32) {
    let mut log = open(disk);
    let mut last = 0;
    while log.len() < 80_000 || log.size() < log.len() + 2000 {
        last += 1;
        log.append(&line(last)).expect("appended");
    }
    (log, last)
}

fn line(number: u32) -> Vec<u8> {
    format!("{number:>700}\n").into_bytes()
}

fn last_line(log: &Log) -> u32 {
    let lines = lines(log);
    let numbers = lines
        .iter()
        .map(|line| line.trim().parse().expect("a whole line"));
    let numbers: Vec<u32> = numbers.collect();
    assert!(numbers.is_sorted(), "none is there twice");
    numbers.last().copied().unwrap_or(0)
}

#[test]
fn space_is_no_line_break_and_goes_when_the_log_is_closed() {
    let disk = Volatile::default();
    let (log, last) = long(&disk);
    let content = disk.content(PATH);
    assert_eq!(content.len() as u64, log.size());
    let (lines, space) = content.split_at(usize::try_from(log.len()).expect("small"));
    assert!(lines.ends_with(b"\n") && space.iter().all(|byte| *byte == space::BYTE));
    assert!(space.len() <= lines.len() / 16);
    let len = log.len();
    drop(log);
    assert_eq!(disk.content(PATH).len() as u64, len);
    assert_eq!(last_line(&open(&disk)), last);
}

#[test]
fn a_crash_while_space_is_written_over_costs_at_most_what_was_not_acknowledged() {
    for chance in 0..16 {
        for several in [1, 3, 20, 40] {
            let disk = Volatile::default();
            let (mut log, last) = long(&disk);
            let more: Vec<u8> = (last + 1..=last + several).flat_map(line).collect();
            disk.die_at_sync(0);
            log.append(&more).expect_err("not durable");
            disk.crash_keeping(several as usize * 300, chance * 0x1111_1111_1111_1111);
            disk.refuse(None);
            std::mem::forget(log);
            let mut log = open(&disk);
            let found = last_line(&log);
            assert!(
                (last..=last + several).contains(&found),
                "{chance} {several}: {found}"
            );
            log.append(&line(found + 1)).expect("appended");
            assert_eq!(last_line(&open(&disk)), found + 1, "{chance} {several}");
        }
    }
}

#[test]
fn where_there_is_no_room_for_space_lines_are_appended_all_the_same() {
    let disk = Volatile::default();
    let (mut log, last) = long(&disk);
    disk.limit(Some(1500));
    let acknowledged = (last + 1..).take_while(|number| log.append(&line(*number)).is_ok());
    let acknowledged = acknowledged.last().expect("some fit");
    assert_eq!(last_line(&log), acknowledged);
    disk.limit(None);
    log.append(&line(acknowledged + 1)).expect("appended");
    assert_eq!(last_line(&open(&disk)), acknowledged + 1);
}
