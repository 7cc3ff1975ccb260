with Ada.Text_IO; use Ada.Text_IO;

procedure Main is
   type Bytes is array (Positive range <>) of Boolean with Volatile_Components;
   Held : constant access Bytes := new Bytes'(1 .. 40 * 1024 ** 2 => True);
   Line : constant String (1 .. 1023) := (others => 'x');
begin
   for I in 1 .. 300 loop
      Put_Line (Line);
   end loop;
   if not Held (4096) then
      raise Program_Error;
   end if;
end Main;
