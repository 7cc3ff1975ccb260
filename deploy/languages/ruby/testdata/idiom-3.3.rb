Point = Data.define(:x, :y)
p Point.new(1, 2), Range.new(1, 5).overlap?(4..9)
