//! Prints what was measured, in the form of `docs/benchmarks.md`.

use super::node::Disk;
use super::{Asked, Measured};

/// How long our answers take compared to the peer's, in geometric mean; `None` without a peer.
pub(super) fn geometric_mean(asked: &[Asked]) -> Option<f64> {
    let ratios: Option<Vec<f64>> = asked
        .iter()
        .map(|one| Some(one.timing.wall_ms / one.peer?.wall_ms))
        .collect();
    let ratios = ratios.filter(|ratios| !ratios.is_empty())?;
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    Some((sum / ratios.len() as f64).exp())
}

/// Prints Markdown tables.
pub(super) fn print(measured: &Measured) {
    let data_set = &measured.data_set;
    println!(
        "\ncommit {}; {} events, {} of NDJSON, {} of message text\n",
        measured.commit,
        data_set.events,
        megabytes(data_set.bytes),
        megabytes(data_set.message_bytes)
    );
    print_ingest(measured);
    print_queries(measured);
}

fn print_ingest(measured: &Measured) {
    let ours = &measured.ingest;
    let peer = measured.peer.as_ref();
    let cell = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let disk = |data: u64, index: u64| {
        format!(
            "{} ({} + {})",
            megabytes(data + index),
            megabytes(data),
            megabytes(index)
        )
    };
    let rows = [
        (
            "wall until acknowledged",
            format!("{:.1} s", ours.wall_seconds),
            cell(peer.map(|peer| format!("{:.1} s", peer.wall_seconds))),
        ),
        (
            "CPU until in segments",
            format!("{:.1} s", ours.cpu_seconds),
            cell(peer.map(|peer| format!("{:.1} s", peer.cpu_seconds))),
        ),
        (
            "CPU with background work",
            format!("{:.1} s", ours.settled_cpu_seconds),
            cell(peer.map(|peer| format!("{:.1} s", peer.merged_cpu_seconds))),
        ),
        (
            "on disk, fresh",
            on_disk(&ours.fresh),
            cell(peer.map(|peer| disk(peer.disk.data, peer.disk.index))),
        ),
        (
            "on disk, settled",
            on_disk(&ours.settled),
            cell(peer.map(|peer| disk(peer.merged.data, peer.merged.index))),
        ),
        (
            "segments, fresh and settled",
            format!("{} / {}", ours.segments, ours.settled_segments),
            cell(None),
        ),
        (
            "most memory resident, fresh and settled",
            format!(
                "{} / {}",
                megabytes(ours.fresh_memory_peak_bytes),
                megabytes(ours.memory_peak_bytes)
            ),
            cell(None),
        ),
        (
            "asked to wait",
            format!("{} times", ours.asked_to_wait),
            cell(None),
        ),
    ];
    println!("| ingest | Nephoscope | chDB |\n|---|---:|---:|");
    for (name, ours, theirs) in rows {
        println!("| {name} | {ours} | {theirs} |");
    }
}

fn print_queries(measured: &Measured) {
    println!(
        "\n| question | rows | Nephoscope ms (CPU) | chDB ms (CPU) | ratio |\n|---|---:|---:|---:|---:|"
    );
    for asked in &measured.queries {
        let (theirs, ratio) = match asked.peer {
            Some(peer) => (
                format!("{:.1} ({:.1})", peer.wall_ms, peer.cpu_ms),
                format!("{:.2}", asked.timing.wall_ms / peer.wall_ms),
            ),
            None => ("–".to_owned(), "–".to_owned()),
        };
        println!(
            "| {} | {} | {:.1} ({:.1}) | {theirs} | {ratio} |",
            asked.name, asked.rows, asked.timing.wall_ms, asked.timing.cpu_ms
        );
    }
    if let Some(ratio) = measured.ratio {
        println!("\ngeometric mean of the ratios: {ratio:.2}");
    }
}

/// Our segments, and what waits for its deletion beside them.
fn on_disk(disk: &Disk) -> String {
    let replaced = (disk.data + disk.index).saturating_sub(disk.segments);
    format!(
        "{} (and {} replaced, to be deleted)",
        megabytes(disk.segments),
        megabytes(replaced)
    )
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
