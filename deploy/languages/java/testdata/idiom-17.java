import java.util.stream.*;

public class Main {
    sealed interface Shape permits Square, Circle {}
    record Square(int side) implements Shape {}
    record Circle(int radius) implements Shape {}

    public static void main(String[] args) {
        Object shape = new Square(2);
        if (shape instanceof Square s) {
            System.out.println(s + " " + Stream.of(1, 2).map(n -> n * 2).toList());
        }
        System.out.print("""
            a text
              block
            """);
    }
}
