%% escript leaves the first line alone.
main(_) ->
    Self = self(),
    [spawn(fun() -> Self ! {square, N, N * N} end) || N <- [1, 2, 3]],
    Squares = [receive {square, N, S} -> S end || N <- [1, 2, 3]],
    <<A:4, B:12>> = <<16#1234:16>>,
    #{name := Name} = #{name => joe},
    io:format("~w ~w ~w ~w~n", [Squares, A, B, Name]).
