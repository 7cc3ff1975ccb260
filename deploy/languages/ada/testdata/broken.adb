procedure Main is
   N : constant Integer := "not a number";
begin
   null;
end Main;
