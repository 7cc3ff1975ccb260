set held [string repeat x [expr {40 << 20}]]
for {set i 0} {$i < 300} {incr i} {
    puts [string repeat x 1023]
}
