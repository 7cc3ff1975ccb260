defmodule Shape do
  def area({:square, side}), do: side ** 2
  def area(%{width: w, height: h}) when w > 0, do: w * h
end

[{:square, 2}, %{width: 2, height: 3}]
|> Task.async_stream(&Shape.area/1)
|> Enum.map(fn {:ok, n} -> n end)
|> then(&IO.inspect/1)

with {n, ""} <- Integer.parse("42"), do: IO.puts("parsed #{n}")
