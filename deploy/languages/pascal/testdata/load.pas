program Load;
{$H+}
var
  held: array of byte;
  i: integer;
begin
  SetLength(held, 40 * 1024 * 1024);
  FillChar(held[0], Length(held), 1);
  for i := 1 to 300 do
    WriteLn(StringOfChar('x', 1023));
  if held[4096] <> 1 then Halt(1);
end.
