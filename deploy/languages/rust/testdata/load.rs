fn main() {
    let held = vec![1u8; 40 << 20];
    for _ in 0..300 {
        println!("{}", "x".repeat(1023));
    }
    assert_eq!(std::hint::black_box(&held)[4096], 1);
}
