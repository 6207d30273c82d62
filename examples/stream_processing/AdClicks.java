import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Which ads are clicked on: impressions and clicks are joined when they lie at most ten seconds apart, and counted by
 * the minute. Both topics have the impression's id as key; an impression's value is the ad.
 *
 *     java -cp 'JARS/*' AdClicks.java BOOTSTRAP [KEY=VALUE...]
 */
public final class AdClicks {
    static Topology topology() {
        var strings = Serdes.String();
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> impressions = builder.stream("impressions", Consumed.with(strings, strings));
        KStream<String, String> clicks = builder.stream("clicks", Consumed.with(strings, strings));

        KStream<String, String> seenAndClicked = impressions.join(
            clicks, (ad, click) -> ad,
            JoinWindows.ofTimeDifferenceAndGrace(Duration.ofSeconds(10), Duration.ofMinutes(5)),
            StreamJoined.with(strings, strings, strings));

        seenAndClicked
            .groupBy((impression, ad) -> ad, Grouped.with(strings, strings))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofMinutes(5)))
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("clicks-by-minute").withKeySerde(strings))
            .toStream((ad, count) -> "minute " + ad.window().start() / 60_000 + " " + ad.key())
            .mapValues(String::valueOf)
            .to("clicks-by-minute", Produced.with(strings, strings));
        return builder.build();
    }

    public static void main(String[] arguments) throws InterruptedException {
        Properties configs = new Properties();
        configs.put(StreamsConfig.APPLICATION_ID_CONFIG, "ad-clicks");
        configs.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        configs.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        for (int number = 1; number < arguments.length; number++) {
            String[] pair = arguments[number].split("=", 2);
            configs.put(pair[0], pair[1]);
        }
        KafkaStreams streams = new KafkaStreams(topology(), configs);
        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(10));
            closed.countDown();
        }));
        streams.start();
        closed.await();
    }
}
