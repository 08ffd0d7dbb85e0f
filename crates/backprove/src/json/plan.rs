//! A plan as one JSON object. Nothing is planned or measured here.

use backprove_engine::{ArrayReport, GroupReport, KernelReport, Report, StageReport};
use serde_json::{Value, json};

use crate::planning::Measured;

/// The version of the object's layout.
pub const PLAN_SCHEMA: &str = "backprove/plan/1";

/// One object with the stages, their kernels and the arena; with times where there are any, all in seconds.
pub fn plan(report: &Report, threads: usize, measured: Option<&Measured>) -> Value {
    let arena = &report.arena;
    let array = |array: &ArrayReport| {
        json!({
            "name": array.name,
            "role": array.role.name(),
            "shape": array.shape,
            "offset": array.offset,
            "bytes": array.bytes,
            "first_stage": array.first,
            "last_stage": array.last,
            "over": array.over,
        })
    };
    let mut object = json!({
        "schema": PLAN_SCHEMA,
        "precision": report.precision,
        "threads": threads,
        "operations": report.operations(),
        "stages": report.stages.iter().map(stage).collect::<Vec<_>>(),
        "arena": {
            "bytes": arena.bytes,
            "live_bytes": arena.live,
            "worst_stage": arena.worst,
            "scratch_bytes": arena.scratch * threads as u64,
            "peak_bytes": arena.peak(threads),
            "strips": arena.strips,
            "arrays": arena.arrays.iter().map(array).collect::<Vec<_>>(),
        },
    });
    if let Some(measured) = measured {
        let timing = &measured.timing;
        let seconds = |times: &[std::time::Duration]| -> Vec<f64> {
            times.iter().map(std::time::Duration::as_secs_f64).collect()
        };
        object["timing"] = json!({
            "runs": measured.runs,
            "median": measured.median.as_secs_f64(),
            "best": timing.total.as_secs_f64(),
            "stages": seconds(&timing.stages),
            "kernels": seconds(&timing.kernels),
            "peak_operations_per_second": measured.peak.operations,
            "peak_bytes_per_second": measured.peak.bytes,
        });
    }
    object
}

fn stage(stage: &StageReport) -> Value {
    json!({
        "shared": stage.shared,
        "groups": stage.groups.iter().map(group).collect::<Vec<_>>(),
    })
}

fn group(group: &GroupReport) -> Value {
    json!({
        "rows": group.rows,
        "tiles": group.tiles,
        "kernels": group.kernels.iter().map(kernel).collect::<Vec<_>>(),
    })
}

fn kernel(kernel: &KernelReport) -> Value {
    json!({
        "kind": kernel.kind.name(),
        "statements": kernel.statements,
        "targets": kernel.targets,
        "shape": kernel.shape,
        "times": kernel.times,
        "operations": kernel.operations,
        "bytes_read": kernel.read,
        "bytes_written": kernel.written,
    })
}
