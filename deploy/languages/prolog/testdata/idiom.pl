:- use_module(library(clpfd)).
:- use_module(library(dcg/basics)).
:- initialization(main, main).

pair(A, B) --> integer(A), ",", blanks, integer(B).

main :-
    X #> 3, X #< 6, X mod 2 #= 1, label([X]),
    phrase(pair(A, B), `1, 2`),
    findall(Y, member(Y, [c, a, b]), Ys), msort(Ys, Sorted),
    format("~w ~w ~w ~w~n", [X, A, B, Sorted]).
