//! A run allocates nothing and gives the same bytes on any number of threads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use backprove_engine::Plan;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[allow(
    unsafe_code,
    reason = "a global allocator that counts has no safe form"
)]
// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const STEP: &str = include_str!("step.txt");

const UPDATES: [(&str, &str); 4] = [("W1", "V1"), ("W2", "V2"), ("b1", "v1"), ("b2", "v2")];

/// Parameters and losses after twenty steps, as bytes, and the allocations of the last ten.
fn train(threads: usize) -> (Vec<u8>, usize) {
    let names = ["S", "D", "H", "C"].map(str::to_owned);
    let sizes: HashMap<String, usize> = names.into_iter().zip([200, 300, 150, 7]).collect();
    let parsed = backprove_syntax::parse(STEP);
    let elaborated = backprove_calculus::elaborate(&parsed.program);
    assert_eq!(elaborated.diagnostics, []);
    let program = elaborated.program;
    let plan = Plan::<f32>::compile(&program, &sizes, &["L"], &UPDATES).unwrap();
    let mut plan = plan.threads(threads);
    let mut state = 3_u64;
    let mut source = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    for name in ["X", "W1", "W2"] {
        let scale = if name == "X" { 1.0 } else { 0.1 };
        let input = plan.input_mut(name).unwrap();
        input.fill_with(|| source() * scale);
    }
    let labels: Vec<u32> = (0..200).map(|row| row * 5 % 7).collect();
    plan.set_labels("t", &labels).unwrap();
    plan.set("r", &[0.1]).unwrap();
    let mut bytes = Vec::with_capacity(1 << 20);
    // What a step allocates it allocates in every one; the test harness may allocate beside it now and then.
    let mut allocations = usize::MAX;
    for step in 0..20 {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        plan.run();
        // The first runs may prepare buffers of each thread.
        if step >= 10 {
            allocations = allocations.min(ALLOCATIONS.load(Ordering::Relaxed) - before);
        }
        bytes.extend_from_slice(&plan.get("L").unwrap()[0].to_ne_bytes());
    }
    let first = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    assert!(plan.get("L").unwrap()[0] < first, "the loss does not fall");
    for name in ["W1", "W2", "b1", "b2"] {
        let values = plan.get(name).unwrap();
        bytes.extend(values.iter().flat_map(|value| value.to_ne_bytes()));
    }
    (bytes, allocations)
}

#[test]
fn no_allocation_and_the_same_bytes_on_one_two_and_three_threads() {
    // One test: the allocations of another one would be counted.
    let (one, allocations) = train(1);
    assert_eq!(allocations, 0);
    for threads in [2, 3] {
        let (more, allocations) = train(threads);
        assert_eq!(allocations, 0, "on {threads} threads");
        assert!(one == more, "{threads} threads give other bytes");
    }
}
