let () =
  let held = Bytes.make (40 lsl 20) 'x' in
  for _ = 1 to 300 do print_endline (String.make 1023 'x') done;
  assert (Bytes.get held 4096 = 'x')
