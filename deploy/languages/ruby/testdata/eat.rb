held = []
loop { held << "x" * (4 << 20) }
