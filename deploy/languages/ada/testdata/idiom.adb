with Ada.Containers.Vectors;
with Ada.Text_IO; use Ada.Text_IO;

procedure Main is
   package Numbers is new Ada.Containers.Vectors (Positive, Integer);

   protected Counter is
      procedure Add (N : Integer);
      function Total return Integer;
   private
      Sum : Integer := 0;
   end Counter;

   protected body Counter is
      procedure Add (N : Integer) is
      begin
         Sum := Sum + N;
      end Add;
      function Total return Integer is (Sum);
   end Counter;

   All_Of_Them : Numbers.Vector;
begin
   declare
      task type Worker;
      task body Worker is
      begin
         Counter.Add (21);
      end Worker;
      Two : array (1 .. 2) of Worker;
   begin
      All_Of_Them.Append (1);
   end;
   Put_Line (Counter.Total'Image & All_Of_Them.Length'Image);
end Main;
