program Tour;
{$H+}
uses SysUtils;
var
  i: integer;
  line: string;
begin
  WriteLn('version ', Copy({$I %FPCVERSION%}, 1, 3));
  Write('args ');
  for i := 1 to ParamCount do
  begin
    if i > 1 then Write('|');
    Write(ParamStr(i));
  end;
  WriteLn;
  WriteLn('env ', GetEnvironmentVariable('GREETING'));
  ReadLn(line);
  ReadLn(line);
  WriteLn('stdin ', line);
  WriteLn('日本語 🐘');
  WriteLn(StdErr, 'to stderr');
  Halt(3);
end.
