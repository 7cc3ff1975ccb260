let () =
  let major_minor = String.concat "." (List.filteri (fun i _ -> i < 2) (String.split_on_char '.' Sys.ocaml_version)) in
  Printf.printf "version %s\n" major_minor;
  Printf.printf "args %s\n" (String.concat "|" (List.tl (Array.to_list Sys.argv)));
  Printf.printf "env %s\n" (Sys.getenv "GREETING");
  ignore (read_line ());
  Printf.printf "stdin %s\n" (read_line ());
  print_string "日本語 🐘\n";
  prerr_endline "to stderr";
  exit 3
