oo::class create Counter {
    variable n
    constructor {} { set n 0 }
    method next {} { incr n }
}
set c [Counter new]
coroutine evens apply {{} { yield; foreach n {2 4} { yield $n } }}
puts "[$c next] [$c next] [evens] [evens] [lmap n {1 2} {expr {$n * $n}}]"
