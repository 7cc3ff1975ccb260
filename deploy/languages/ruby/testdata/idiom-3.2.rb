Point = Data.define(:x, :y)
p Point.new(x: 1, y: 2).with(y: 3)
