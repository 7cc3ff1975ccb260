program Idiom;
{$mode objfpc}
type
  generic TStack<T> = class
    items: array of T;
    procedure Push(item: T);
  end;
  TInts = specialize TStack<integer>;

procedure TStack.Push(item: T);
begin
  SetLength(items, Length(items) + 1);
  items[High(items)] := item;
end;

var
  stack: TInts;
  n, sum: integer;
begin
  stack := TInts.Create;
  stack.Push(1);
  stack.Push(2);
  sum := 0;
  for n in stack.items do sum := sum + n;
  WriteLn(sum, ' ', stack.ClassName <> '');
  stack.Free;
end.
