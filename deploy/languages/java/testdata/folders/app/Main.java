package app;

import app.parts.Greeting;
import java.nio.file.*;

public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println(Greeting.greet(Files.readString(Path.of("data/name.txt")).strip()));
    }
}
