%% escript leaves the first line alone.
main(_) ->
    Held = binary:copy(<<1>>, 40 bsl 20),
    Line = [binary:copy(<<"x">>, 1023), "\n"],
    [io:put_chars(Line) || _ <- lists:seq(1, 300)],
    1 = binary:at(Held, 4096).
