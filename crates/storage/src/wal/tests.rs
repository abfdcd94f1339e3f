//! The log keeps every frame that was made durable, whatever the crash.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, RecordBatch, StringViewArray, TimestampNanosecondArray, new_null_array,
};
use model::{Checkpoint, EventId, Timestamp};
use proptest::prelude::*;

use super::{Record, Wal};
use crate::disk::Disk;
use crate::{StorageError, Table};

fn read(folder: &Path, committed: u64) -> Vec<(u64, Vec<u8>)> {
    let mut frames = Vec::new();
    Wal::open(&Disk::default(), folder, committed, |number, payload| {
        frames.push((number, payload.to_vec()));
        Ok(())
    })
    .unwrap();
    frames
}

fn write(folder: &Path, payloads: &[Vec<u8>]) {
    let mut wal = Wal::open(&Disk::default(), folder, 0, |_, _| Ok(())).unwrap();
    for payload in payloads {
        wal.append(payload).unwrap();
    }
    wal.sync().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_log_cut_at_any_byte_keeps_a_prefix(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        cut in 0.0..=1.0_f64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &payloads);
        let path = folder.path().join("00000000000000000001.wal");
        let bytes = fs::read(&path).unwrap();
        let kept = (bytes.len() as f64 * cut) as usize;
        fs::write(&path, &bytes[..kept]).unwrap();
        let frames = read(folder.path(), 0);
        let whole: usize = payloads
            .iter()
            .scan(16, |end, payload| { *end += 16 + payload.len(); Some(*end) })
            .take_while(|end| *end <= kept)
            .count();
        prop_assert_eq!(frames.len(), whole);
        for (index, (number, payload)) in frames.iter().enumerate() {
            prop_assert_eq!(*number, index as u64 + 1);
            prop_assert_eq!(payload, &payloads[index]);
        }
        // What comes next goes on from there and is kept too.
        let mut wal = Wal::open(&Disk::default(), folder.path(), 0, |_, _| Ok(())).unwrap();
        prop_assert_eq!(wal.append(b"next").unwrap(), whole as u64 + 1);
        wal.sync().unwrap();
        prop_assert_eq!(read(folder.path(), 0).len(), whole + 1);
    }
}

#[test]
fn committed_frames_are_not_replayed_and_their_files_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut wal = Wal::open(&Disk::default(), folder.path(), 0, |_, _| Ok(())).unwrap();
    wal.append(b"one").unwrap();
    wal.append(b"two").unwrap();
    wal.sync().unwrap();
    wal.cut(1).unwrap();
    assert_eq!(read(folder.path(), 1), [(2, b"two".to_vec())]);
    wal.cut(2).unwrap();
    drop(wal);
    assert_eq!(super::list(folder.path()).unwrap(), [3]);
    let mut wal = Wal::open(&Disk::default(), folder.path(), 2, |_, _| Ok(())).unwrap();
    assert_eq!(wal.append(b"three").unwrap(), 3);
}

#[test]
fn damage_before_the_last_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[b"one".to_vec(), b"two".to_vec()]);
    write(folder.path(), &[b"three".to_vec()]);
    let path = folder.path().join("00000000000000000001.wal");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = Wal::open(&Disk::default(), folder.path(), 0, |_, _| Ok(())).unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
}

fn events(function: &str) -> RecordBatch {
    let schema = Table::Events.schema();
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            match field.name().as_str() {
                "event_time" | "receipt_time" => {
                    Arc::new(TimestampNanosecondArray::from(vec![1, 2]).with_timezone("UTC"))
                }
                "message" => Arc::new(StringViewArray::from(vec!["a", "a rather long message"])),
                "function" => Arc::new(StringViewArray::from(vec![Some(function), None])),
                _ => new_null_array(field.data_type(), 2),
            }
        })
        .collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

#[test]
fn a_record_comes_back_as_it_was() {
    let record = Record {
        origin: Some(("source".to_owned(), "origin".to_owned())),
        checkpoint: Some(Checkpoint {
            source: "source".to_owned(),
            origin: "origin".to_owned(),
            reread_from: Timestamp::from_millis(5),
            position: serde_json::json!({"token": null}),
        }),
        idempotency_key: Some("key".to_owned()),
        stored: 2,
        ids: vec![(EventId(u128::MAX), Timestamp::from_nanos(-1))],
        events: vec![events("one"), events("a function with a long name")],
        invocations: Vec::new(),
        samples: Vec::new(),
    };
    let bytes = record.encode().unwrap();
    assert_eq!(Record::decode(&bytes).unwrap(), record);
    assert!(Record::decode(&bytes[..bytes.len() - 1]).is_err());
    let nothing = Record::default();
    assert_eq!(Record::decode(&nothing.encode().unwrap()).unwrap(), nothing);
}
