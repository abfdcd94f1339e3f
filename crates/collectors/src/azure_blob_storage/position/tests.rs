//! How lines are cut out of what blobs grow by.

use proptest::prelude::*;

use super::*;

fn blob(content: &[u8], version: &str) -> Listed {
    Listed {
        name: "r/y=2024/m=10/d=28/h=16/m=00/PT1H.json".to_owned(),
        etag: version.to_owned(),
        length: content.len() as u64,
    }
}

/// Reads a blob to its end as it is now; returns its new lines, or `None` if it was rewritten.
fn read(read: &mut Read, content: &[u8], version: &str, is_final: bool) -> Option<Vec<String>> {
    let blob = blob(content, version);
    let mut found = Vec::new();
    let mut piece_bytes = 0;
    while let Some(piece) = read.next(&blob, is_final, piece_bytes) {
        let place = |at: u64| usize::try_from(at).unwrap().min(content.len());
        let bytes = &content[place(piece.first)..place(piece.last + 1)];
        match read.take(&blob, piece, bytes) {
            Outcome::TooShort => piece_bytes = piece.new_bytes(),
            Outcome::Lines(_, next) if next == *read => break,
            Outcome::Lines(lines, next) => {
                for (offset, line) in lines {
                    assert_eq!(&content[place(offset)..][..line.len()], line);
                    found.push(String::from_utf8_lossy(line).trim_end().to_owned());
                }
                *read = next;
                piece_bytes = 0;
            }
            Outcome::Rewritten => return None,
        }
    }
    Some(found)
}

#[test]
fn only_new_lines_are_read_and_half_ones_wait() {
    let mut position = Read::default();
    assert_eq!(
        read(&mut position, b"a\nb\nhal", "1", false).unwrap(),
        ["a", "b"]
    );
    assert_eq!(position.offset, 4);
    assert!(
        read(&mut position, b"a\nb\nhal", "1", false)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        read(&mut position, b"a\nb\nhalf\nc\n", "2", false).unwrap(),
        ["half", "c"]
    );
    // Another version with nothing new, such as after a change of its metadata.
    assert!(
        read(&mut position, b"a\nb\nhalf\nc\n", "3", false)
            .unwrap()
            .is_empty()
    );
    assert_eq!(position.etag, "3");
}

#[test]
fn the_last_line_may_have_no_end() {
    let mut position = Read::default();
    assert_eq!(
        read(&mut position, b"a\n{\"b\":1}", "1", false).unwrap(),
        ["a", "{\"b\":1}"]
    );
    assert_eq!(
        read(&mut position, b"a\n{\"b\":1}\r\nc", "2", false).unwrap(),
        [""]
    );
    assert!(
        read(&mut position, b"a\n{\"b\":1}\r\nc", "2", false)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        read(&mut position, b"a\n{\"b\":1}\r\nc", "2", true).unwrap(),
        ["c"]
    );
}

#[test]
fn what_was_rewritten_is_noticed_at_any_length() {
    for content in [
        &b"x\n"[..],
        b"a\nX\n",
        b"a\nX\nc\n",
        b"",
        b"other\nlines\nand\nmore\n",
    ] {
        let mut position = Read::default();
        read(&mut position, b"a\nb\n", "1", false).unwrap();
        assert_eq!(
            read(&mut position, content, "2", false),
            None,
            "{content:?}"
        );
    }
}

#[test]
fn a_line_longer_than_a_piece_is_read_whole() {
    let long = "x".repeat(11 << 20);
    let content = format!("a\n{long}\nb\n");
    let mut position = Read::default();
    let lines = read(&mut position, content.as_bytes(), "1", false).unwrap();
    assert_eq!(lines, ["a", long.as_str(), "b"]);
}

#[test]
fn blobs_of_final_hours_are_forgotten() {
    let name = |hour: u8| format!("y=2024/m=10/d=28/h={hour:02}/m=00/PT1H.json");
    let mut position = Position {
        low_ms: 0,
        blobs: (14..18).map(|hour| (name(hour), Read::default())).collect(),
    };
    position.finish(hour_ms(&name(16)).unwrap());
    assert_eq!(
        position.blobs.into_keys().collect::<Vec<_>>(),
        [name(16), name(17)]
    );
}

#[test]
fn an_hour_is_counted_from_its_end() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let (settle, depth) = (Duration::from_secs(7_200), Duration::from_secs(86_400));
    let hours = Hours::at(at("2024-10-28T16:20:00Z"), settle, depth);
    assert_eq!(hours.hot_ms, at("2024-10-28T13:00:00Z"));
    assert_eq!(hours.final_ms, at("2024-10-27T15:00:00Z"));
}

#[test]
fn present_lines_can_be_passed_over() {
    let content = b"a\nb\nhal";
    let piece = Piece::last_of(&blob(content, "1"));
    let mut position = Read::behind_last_line(piece, content);
    assert_eq!(
        read(&mut position, b"a\nb\nhalf\n", "2", false).unwrap(),
        ["half"]
    );
}

proptest! {
    #[test]
    fn every_line_is_read_once_however_the_blob_grows(
        lines in prop::collection::vec("[a-zä{}]{0,300}", 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let content: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
        cuts.push(content.len());
        cuts.sort_unstable();
        let mut position = Read::default();
        let mut found = Vec::new();
        for (version, cut) in cuts.into_iter().enumerate() {
            found.extend(read(&mut position, &content[..cut], &version.to_string(), false).unwrap());
        }
        // `{}` can be taken before its line ends; then the end is a blank line.
        found.retain(|line| !line.is_empty());
        let expected: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        prop_assert_eq!(found, expected);
    }
}
