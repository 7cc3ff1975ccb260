mod parts;

fn main() {
    println!("{}", parts::greet(std::fs::read_to_string("data/name.txt").unwrap().trim()));
}
