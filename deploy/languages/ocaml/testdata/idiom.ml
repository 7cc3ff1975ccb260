type shape = Square of int | Rectangle of { width : int; height : int }

let area = function Square s -> s * s | Rectangle { width; height } -> width * height

module Names = Map.Make (String)

let () =
  let ( let* ) = Option.bind in
  let sum = let* a = Some 1 in let* b = Some 2 in Some (a + b) in
  let names = Names.(empty |> add "a" 1) in
  Printf.printf "%d %d %d\n" (area (Rectangle { width = 2; height = 3 })) (Option.get sum) (Names.find "a" names)
