import java.io.*;
import java.nio.charset.StandardCharsets;

public class Main {
    public static void main(String[] args) throws IOException {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        out.println("version " + Runtime.version().feature());
        out.println("args " + String.join("|", args));
        out.println("env " + System.getenv("GREETING"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        in.readLine();
        out.println("stdin " + in.readLine());
        out.println("日本語 🐘");
        System.err.println("to stderr");
        System.exit(3);
    }
}
