use std::{env, io, process};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    println!("args {}", args.join("|"));
    println!("env {}", env::var("GREETING").unwrap());
    println!("stdin {}", io::stdin().lines().nth(1).unwrap().unwrap());
    println!("日本語 🐘");
    eprintln!("to stderr");
    process::exit(3);
}
