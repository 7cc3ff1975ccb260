:- initialization(main, main).

main(Args) :-
    current_prolog_flag(version, V),
    Major is V // 10000, Minor is V // 100 mod 100,
    format("version ~d.~d~n", [Major, Minor]),
    atomic_list_concat(Args, '|', Joined),
    format("args ~w~n", [Joined]),
    getenv('GREETING', Greeting),
    format("env ~w~n", [Greeting]),
    read_line_to_string(user_input, _),
    read_line_to_string(user_input, Line),
    format("stdin ~s~n", [Line]),
    format("日本語 🐘~n"),
    format(user_error, "to stderr~n", []),
    halt(3).
