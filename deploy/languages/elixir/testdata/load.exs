held = :binary.copy(<<1>>, 40 * 1024 * 1024)
for _ <- 1..300, do: IO.puts(String.duplicate("x", 1023))
1 = :binary.at(held, 4096)
