use std::{sync::mpsc, thread};

fn parse(text: &str) -> Option<u32> {
    let Ok(n) = text.parse::<u32>() else {
        return None;
    };
    n.checked_ilog2()
}

fn main() {
    let (tx, rx) = mpsc::channel();
    thread::scope(|s| {
        s.spawn(|| tx.send(parse("8")).unwrap());
    });
    println!("{:?} {:?}", rx.recv().unwrap(), parse("x"));
}
