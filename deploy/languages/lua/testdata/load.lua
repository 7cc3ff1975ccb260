local held = ("x"):rep(40 << 20)
for _ = 1, 300 do
  print(("x"):rep(1023))
end
