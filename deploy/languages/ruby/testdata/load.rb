held = "x" * (40 << 20)
300.times { puts "x" * 1023 }
