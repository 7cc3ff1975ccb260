<?php
enum Suit: string {
    case Hearts = "H";
}

readonly class Point {
    public function __construct(public int $x, public int $y = 2) {}
}

$p = new Point(x: 1);
echo Suit::from("H")->name, " ", $p?->y, " ", match (true) { $p->x > 0 => "positive", default => "not" }, "\n";
