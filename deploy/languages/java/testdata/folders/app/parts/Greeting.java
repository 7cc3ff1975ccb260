package app.parts;

public class Greeting {
    public static String greet(String name) {
        return "hello " + name;
    }
}
