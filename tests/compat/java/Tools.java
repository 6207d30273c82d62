import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs main classes one after another, each as if in a JVM of its own.
 *
 * A request on standard input is: how many words (byte), each word (int length, UTF-8), what the tool reads (int length, bytes).
 * The first word is the main class. The answer on standard output: exit status (int), what is left behind (byte; 0: nothing,
 * 1: threads, 2: the tool ended this process, whose status is the one that counts), what it printed on either stream
 * (int length, bytes; twice). The end of standard input ends this process.
 */
public class Tools {
    /** What a thread prints belongs to the run that it was born in; after the end of that nobody reads it any more. */
    private static final InheritableThreadLocal<Run> CURRENT = new InheritableThreadLocal<>();
    private static final long PATIENCE_MS = 2000;

    /** Ends the thread that asked for the process's end; what it prints on its way out is no longer shown. */
    private static class Exited extends Error {
        Exited() {
            super("exit", null, false, false);
        }
    }

    /** Kafka's tools keep state in static fields, so each run has classes of its own; the clients' are shared. */
    private static class OwnTools extends URLClassLoader {
        OwnTools() {
            super(new URL[] {jarOf("org.apache.kafka.tools.TopicCommand")}, Tools.class.getClassLoader());
        }

        private static URL jarOf(String name) {
            try {
                return Class.forName(name, false, Tools.class.getClassLoader()).getProtectionDomain().getCodeSource().getLocation();
            } catch (ClassNotFoundException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("org.apache.kafka.tools.")) {
                synchronized (getClassLoadingLock(name)) {
                    Class<?> loaded = findLoadedClass(name);
                    try {
                        return loaded != null ? loaded : findClass(name);
                    } catch (ClassNotFoundException e) {
                        // of another jar
                    }
                }
            }
            return super.loadClass(name, resolve);
        }
    }

    private static class Run {
        final ThreadGroup group = new ThreadGroup("tool");
        final List<Thread> hooks = new CopyOnWriteArrayList<>();
        final CountDownLatch ended = new CountDownLatch(1);
        final ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
        private final AtomicBoolean answered = new AtomicBoolean();
        private boolean over;
        private int status;

        synchronized void write(ByteArrayOutputStream to, byte[] bytes, int from, int length) {
            if (!over) {
                to.write(bytes, from, length);
            }
        }

        /** The first to ask for the end says how; the shutdown hooks still print. */
        void exit(int asked) {
            synchronized (this) {
                if (ended.getCount() == 0) {
                    throw new Exited();
                }
                status = asked;
                ended.countDown();
            }
            awaitHooks();
            throw new Exited();
        }

        private void awaitHooks() {
            hooks.forEach(Thread::start);
            for (Thread hook : hooks) {
                join(hook, PATIENCE_MS);
            }
            synchronized (this) {
                over = true;
            }
        }

        void main(String main, String[] arguments) {
            CURRENT.set(this);
            try (OwnTools loader = new OwnTools()) {
                Thread.currentThread().setContextClassLoader(loader);
                loader.loadClass(main).getMethod("main", String[].class).invoke(null, (Object) arguments);
                returned(0);
            } catch (InvocationTargetException e) {
                if (!(e.getCause() instanceof Exited)) {
                    System.err.print("Exception in thread \"main\" ");
                    e.getCause().printStackTrace();
                    returned(1);
                }
            } catch (ReflectiveOperationException | IOException e) {
                e.printStackTrace();
                returned(1);
            }
        }

        /** A JVM goes on as long as a thread does that is no daemon. */
        private void returned(int with) {
            for (Thread thread : threads()) {
                if (!thread.isDaemon() && thread != Thread.currentThread()) {
                    join(thread, Long.MAX_VALUE);
                }
            }
            try {
                exit(with);
            } catch (Exited e) {
                // that was the last step
            }
        }

        void answer(DataOutputStream to, int left) {
            if (answered.getAndSet(true)) {
                return;
            }
            try {
                to.writeInt(status);
                to.writeByte(left);
                for (ByteArrayOutputStream printed : new ByteArrayOutputStream[] {out, err}) {
                    byte[] content = printed.toByteArray();
                    to.writeInt(content.length);
                    to.write(content);
                }
                to.flush();
            } catch (IOException e) {
                Runtime.getRuntime().halt(1);
            }
        }

        Thread[] threads() {
            Thread[] all = new Thread[group.activeCount() + 64];
            int count = group.enumerate(all, true);
            return Arrays.copyOf(all, count);
        }

        /** True when all its threads end, but for those of admin clients that nobody closed, which do nothing further. */
        boolean leavesNothing() {
            long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MS);
            for (Thread thread : threads()) {
                if (thread.getName().startsWith("kafka-admin-client-thread")) {
                    continue;
                }
                join(thread, Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())));
                if (thread.isAlive()) {
                    return false;
                }
            }
            return true;
        }
    }

    private static volatile Run running;

    private static void join(Thread thread, long patience) {
        try {
            thread.join(patience == Long.MAX_VALUE ? 0 : patience);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A standard stream that writes for whichever run the thread belongs to. */
    private static PrintStream of(boolean isErr, PrintStream otherwise) {
        return new PrintStream(new OutputStream() {
            @Override
            public void write(int b) {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int from, int length) {
                Run run = CURRENT.get();
                if (run == null) {
                    otherwise.write(bytes, from, length);
                } else {
                    run.write(isErr ? run.err : run.out, bytes, from, length);
                }
            }
        }, true, Charset.defaultCharset());
    }

    /** What the clients' shared classes keep: numbers in the names of clients, MBeans of those that were not closed. */
    private static void forget(Properties properties) throws Exception {
        for (String[] each : new String[][] {
                {"org.apache.kafka.clients.admin.KafkaAdminClient", "ADMIN_CLIENT_ID_SEQUENCE"},
                {"org.apache.kafka.clients.consumer.ConsumerConfig", "CONSUMER_CLIENT_ID_SEQUENCE"},
                {"org.apache.kafka.clients.producer.ProducerConfig", "PRODUCER_CLIENT_ID_SEQUENCE"}}) {
            Field sequence = Class.forName(each[0]).getDeclaredField(each[1]);
            sequence.setAccessible(true);
            ((AtomicInteger) sequence.get(null)).set(1);
        }
        MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
        for (ObjectName name : beans.queryNames(new ObjectName("kafka.*:*"), null)) {
            beans.unregisterMBean(name);
        }
        System.setProperties((Properties) properties.clone());
    }

    private static byte[] bytes(DataInputStream in) throws IOException {
        return in.readNBytes(in.readInt());
    }

    public static void main(String[] none) throws Exception {
        DataInputStream requests = new DataInputStream(System.in);
        DataOutputStream answers = new DataOutputStream(new BufferedOutputStream(System.out));
        System.setOut(of(false, System.err));
        System.setErr(of(true, System.err));
        Properties properties = (Properties) System.getProperties().clone();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            Run run = running;
            if (run != null) {
                run.awaitHooks();
                run.answer(answers, 2);
            }
        }));
        Exit.setExitProcedure((status, message) -> CURRENT.get().exit(status));
        Exit.setHaltProcedure((status, message) -> CURRENT.get().exit(status));
        Exit.setShutdownHookAdder((name, hook) -> CURRENT.get().hooks.add(new Thread(CURRENT.get().group, hook, name)));
        for (;;) {
            int count = requests.read();
            if (count < 0) {
                System.exit(0);
            }
            String[] words = new String[count];
            for (int i = 0; i < count; i++) {
                words[i] = new String(bytes(requests), StandardCharsets.UTF_8);
            }
            InputStream input = new ByteArrayInputStream(bytes(requests));
            forget(properties);
            System.setIn(input);
            Run run = running = new Run();
            String[] arguments = Arrays.copyOfRange(words, 1, count);
            new Thread(run.group, () -> run.main(words[0], arguments), "main").start();
            run.ended.await();
            run.answer(answers, run.leavesNothing() ? 0 : 1);
            running = null;
        }
    }
}
