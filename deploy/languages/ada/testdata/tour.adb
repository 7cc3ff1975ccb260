with Ada.Command_Line; use Ada.Command_Line;
with Ada.Environment_Variables;
with Ada.Text_IO; use Ada.Text_IO;
with GNAT.Compiler_Version;

procedure Main is
   package Compiler is new GNAT.Compiler_Version;
   Version : constant String := Compiler.Version;
begin
   Put_Line ("version " & Version (Version'First .. Version'First + 1));
   Put ("args ");
   for I in 1 .. Argument_Count loop
      Put ((if I > 1 then "|" else "") & Argument (I));
   end loop;
   New_Line;
   Put_Line ("env " & Ada.Environment_Variables.Value ("GREETING"));
   Skip_Line;
   Put_Line ("stdin " & Get_Line);
   Put_Line ("日本語 🐘");
   Put_Line (Standard_Error, "to stderr");
   Set_Exit_Status (3);
end Main;
