//! Once the first games are played, random play allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kifu::game::ringrift::RingRift;
use kifu::search::{Playouts, seeds};

/// The system's allocator; counts what each thread takes.
struct Counting;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator is unsafe by nature; this one only counts before it passes on")]
// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.set(TAKEN.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn random_play_allocates_nothing_once_warm() {
    let game = RingRift::HEX8[0];
    let (mut playouts, mut rng) = (Playouts::new(), seeds::generator(3));
    // Long lists come early in a game, so that a few games make all the room that lists ever need; debug builds keep a second list.
    (0..20).for_each(|_| {
        playouts.play(&game, &mut rng);
    });
    let before = TAKEN.get();
    assert!(before > 0, "the allocator counts");
    (0..10).for_each(|_| {
        playouts.play(&game, &mut rng);
    });
    assert_eq!(TAKEN.get() - before, 0, "allocations in {:?}", playouts.counts);
}
