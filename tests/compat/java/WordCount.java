import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Properties;
import java.util.stream.Stream;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Counts words with Kafka Streams: lines of one topic in, how often each word came so far out.
 *
 * Usage: WordCount --bootstrap-server HOST:PORT IN OUT KEY=VALUE... (configs of Kafka Streams). Prints every state that
 * it comes to; closes properly and ends when its standard input does, or when it is interrupted.
 */
public final class WordCount {
    public static void main(String[] args) throws Exception {
        Path state = Files.createTempDirectory("word-count");
        Properties configs = new Properties();
        configs.put("bootstrap.servers", args[1]);
        configs.put("state.dir", state.toString());
        for (String config : Arrays.copyOfRange(args, 4, args.length)) {
            String[] pair = config.split("=", 2);
            configs.put(pair[0], pair[1]);
        }
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(args[2], Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with("words", Serdes.String(), Serdes.String()))
            .count(Materialized.as("counts"))
            .toStream()
            .to(args[3], Produced.with(Serdes.String(), Serdes.Long()));
        KafkaStreams streams = new KafkaStreams(builder.build(configs), configs);
        streams.setStateListener((now, before) -> System.out.println(now));
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(streams, state)));
        streams.start();
        while (System.in.read() != -1) {
        }
        System.exit(0);
    }

    private static void close(KafkaStreams streams, Path state) {
        streams.close(Duration.ofSeconds(30));
        try (Stream<Path> left = Files.walk(state)) {
            left.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        } catch (IOException failure) {
            System.err.println(failure);
        }
    }
}
