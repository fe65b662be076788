#include <gtest/gtest.h>

#include "net/server_tally.hpp"
#include "net/tls/testing/tls_fixture.hpp"
#include "net/tls/tls_server.hpp"

// Encrypted connections as HTTP sees them.

namespace pixell::net::tls {
namespace {

using namespace fixture;
using net::fixture::pattern;
using net::fixture::Pump;
using net::fixture::RawPeer;

class TlsTransportTest : public TlsTest {
 protected:
  // Its end aborts streams, which is recorded.
  void TearDown() override { server.reset(); }

  FunctionService::Function echo() {
    return [this](ServerStream& opened) {
      auto handler = script();
      opened.send_head({}, false);
      handler->data = [s = &opened](std::string_view bytes) {
        if (!s->send_data(bytes)) s->pause();
      };
      handler->writable = [s = &opened] { s->resume(); };
      handler->end = [s = &opened](const Headers&) { s->finish(); };
      return handler;
    };
  }
  FunctionService::Function recording() {
    return [this](ServerStream& opened) {
      stream = &opened;
      auto handler = script();
      handler->data = [this](std::string_view bytes) { body += bytes; };
      handler->end = [this](const Headers&) { ++ends; };
      handler->abort = [this](AbortReason reason) { aborts.push_back(reason); };
      return handler;
    };
  }
  std::unique_ptr<TlsClient> tunnel() {
    serve(recording());
    auto client = std::make_unique<TlsClient>(driver, address());
    EXPECT_TRUE(client->shake_hands());
    client->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    EXPECT_TRUE(is_open());
    stream->send_head({.status = 101, .headers = {}}, false);
    EXPECT_TRUE(client->got("\r\n\r\n"));
    return client;
  }
  bool is_open() {
    return eventually(driver, [&] { return stream != nullptr; });
  }

  ServerStream* stream = nullptr;
  std::string body;
  int ends = 0;
  std::vector<AbortReason> aborts;
};

TEST_F(TlsTransportTest, ServesRequestsAsHttps) {
  serve_facts();
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());

  EXPECT_TRUE(gets(client));
  client.received.clear();
  client.send("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
  EXPECT_TRUE(client.got("https")) << "whatever the client claims";

  ASSERT_EQ(seen.size(), 2u);
  EXPECT_TRUE(seen[0].is_encrypted);
  EXPECT_EQ(seen[0].listener, "tls");
  EXPECT_EQ(seen[0].certificate, "");
}

TEST_F(TlsTransportTest, CarriesLargeBodiesBothWays) {
  serve(echo());
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());
  const std::string sent = pattern(3'000'000);

  client.send("POST / HTTP/1.0\r\nContent-Length: 3000000\r\n\r\n");
  std::string_view rest = sent;
  // Reads slower than it sends, so that both sides wait for each other.
  ASSERT_TRUE(eventually(driver, [&] {
    rest.remove_prefix(client.send_some(rest.substr(0, 100'000)));
    if (rest.size() % 3 == 0 || rest.empty()) client.read();
    if (rest.size() < sent.size() / 2) client.read();
    return client.is_over();
  }));

  EXPECT_TRUE(client.has_ended()) << client.failure();
  const std::size_t head = client.received.find("\r\n\r\n") + 4;
  EXPECT_EQ(client.received.size() - head, sent.size());
  EXPECT_EQ(client.received.compare(head, std::string::npos, sent), 0);
}

TEST_F(TlsTransportTest, SendsOnWhenASlowReaderReads) {
  const std::string text = pattern(20'000'000);
  std::unique_ptr<Pump> pump;
  serve([&](ServerStream& opened) {
    auto handler = script();
    opened.send_head({}, false);
    pump = std::make_unique<Pump>(opened, text);
    handler->writable = [&] { pump->run(); };
    handler->end = [&](const Headers&) { pump->run(); };
    return handler;
  });
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());
  client.send("GET / HTTP/1.0\r\n\r\n");
  driver.settle();
  EXPECT_LT(pump->sent(), text.size()) << "the reader does not read yet";

  EXPECT_TRUE(client.is_closed());

  EXPECT_TRUE(client.has_ended());
  EXPECT_TRUE(client.received.ends_with(text));
}

TEST_F(TlsTransportTest, ReadsSeveralRecordsThatCameTogether) {
  serve(recording());
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());

  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
  client.send(std::string(200'000, 'x'));

  EXPECT_TRUE(eventually(driver, [&] { return ends == 1; }));
  EXPECT_EQ(body.size(), 200'000u);
}

TEST_F(TlsTransportTest, AnswersKeyUpdatesInTheMiddleOfABody) {
  serve(recording());
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");

  ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
  client.send("def");
  ASSERT_TRUE(eventually(driver, [&] { return ends == 1; }));
  send_reply(*stream, 200, "text/plain", "done");

  EXPECT_TRUE(client.got("done"));
  EXPECT_EQ(body, "abcdef");
}

TEST_F(TlsTransportTest, EndsAReplyUntilCloseWithAnAnnouncedEnd) {
  serve(echo());
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());

  client.send("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");

  EXPECT_TRUE(client.is_closed());
  EXPECT_TRUE(client.has_ended());
  EXPECT_TRUE(client.received.ends_with("abc"));
}

TEST_F(TlsTransportTest, CutsAReplyUntilCloseWithoutAnAnnouncedEnd) {
  serve(recording());
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());
  client.send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(is_open());

  stream->send_head({}, false);
  stream->send_data("half");
  ASSERT_TRUE(client.got("half"));
  stream->reset(ResetCode::InternalError);

  EXPECT_TRUE(client.is_closed());
  EXPECT_FALSE(client.has_ended());
}

TEST_F(TlsTransportTest, AbortsARequestWhoseBodyIsCutShort) {
  serve(recording());
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  ASSERT_TRUE(eventually(driver, [&] { return body == "abc"; }));

  client.cut_short();

  EXPECT_TRUE(eventually(driver, [&] { return !aborts.empty(); }));
  EXPECT_EQ(ends, 0);
}

TEST_F(TlsTransportTest, EndsATunnelThatTheClientEnds) {
  const auto client = tunnel();
  client->send("raw");

  client->finish();

  ASSERT_TRUE(eventually(driver, [&] { return ends + int(aborts.size()) > 0; }));
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(body, "raw");
}

TEST_F(TlsTransportTest, AbortsATunnelThatIsCutShort) {
  const auto client = tunnel();
  client->send("raw");

  client->cut_short();

  ASSERT_TRUE(eventually(driver, [&] { return ends + int(aborts.size()) > 0; }));
  EXPECT_EQ(ends, 0);
  EXPECT_EQ(body, "raw");
}

TEST_F(TlsTransportTest, AnswersAClientThatAnnouncesItsEndWithItsRequest) {
  serve_facts();
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());

  client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  SSL_shutdown(client.ssl());

  EXPECT_TRUE(client.got("https"));
  EXPECT_TRUE(client.is_closed());
  EXPECT_TRUE(client.has_ended());
}

TEST_F(TlsTransportTest, NoticesAClientThatLeavesWhileItWaits) {
  serve(recording());
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());
  client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  ASSERT_TRUE(eventually(driver, [&] { return ends == 1; }));

  client.finish();
  driver.settle();
  clock.advance(kHalfCloseGrace);

  EXPECT_TRUE(eventually(driver, [&] { return aborts.size() == 1; }));
}

TEST_F(TlsTransportTest, TellsPlainHttpToSpeakTls) {
  serve_facts();
  RawPeer peer(driver, address());

  peer.send("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nab");

  EXPECT_TRUE(peer.is_closed());
  EXPECT_TRUE(peer.received.starts_with("HTTP/1.1 400 Bad Request\r\n")) << peer.received;
  EXPECT_NE(peer.received.find("this port speaks TLS"), std::string::npos);
  EXPECT_EQ(server->tally().of(HandshakeFailure::PlainHttp), 1);
  EXPECT_TRUE(seen.empty());
}

TEST_F(TlsTransportTest, ClosesOnGarbage) {
  serve_facts();
  for (const std::string& garbage :
       {std::string(5000, '\0'), std::string("\x16\x03\x01\xff\xff") + std::string(9000, 'x')}) {
    RawPeer peer(driver, address());
    peer.send_some(garbage);
    EXPECT_TRUE(peer.is_closed());
  }
  EXPECT_EQ(server->connections(), 0u);
  EXPECT_EQ(server->tally().of(HandshakeFailure::Protocol), 2);
}

TEST_F(TlsTransportTest, CountsHandshakesAndTheirConnections) {
  serve_facts();
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());
  ASSERT_TRUE(gets(client));
  RawPeer half(driver, address());
  half.send("\x16\x03\x01");
  driver.settle();
  half.close();
  ASSERT_TRUE(eventually(driver, [&] { return server->connections() == 1; }));

  const ServerTally& tally = server->tally();
  EXPECT_EQ(tally.handshakes.number, 1);
  EXPECT_EQ(tally.of(HandshakeFailure::ClientLeft), 1);
  EXPECT_EQ(tally.of(Carries::Http1, true).accepted, 1);
  EXPECT_EQ(tally.of(Carries::Http1, true).open, 1);
  EXPECT_EQ(tally.of(Carries::Http1, false).accepted, 0);
}

TEST_F(TlsTransportTest, CutsAHandshakeThatTakesTooLong) {
  serve_facts();
  RawPeer silent(driver, address());
  RawPeer half(driver, address());
  half.send("\x16\x03\x01");
  ASSERT_TRUE(eventually(driver, [&] { return server->connections() == 2; }));
  clock.advance(kHandshakeTimeout - Millis(1));
  EXPECT_TRUE(half.is_open());

  clock.advance(Millis(1));

  EXPECT_TRUE(half.is_closed());
  EXPECT_TRUE(silent.is_closed());
  EXPECT_EQ(server->tally().of(HandshakeFailure::Timeout), 1) << "the silent one had not begun";
}

TEST_F(TlsTransportTest, GivesAClientAfterItsHandshakeTheTimeOfAHead) {
  serve_facts();
  TlsClient client = connect();
  ASSERT_TRUE(client.shake_hands());
  driver.settle();

  clock.advance(kHandshakeTimeout);
  driver.settle();
  EXPECT_TRUE(gets(client));
}

TEST_F(TlsTransportTest, CutsTheLongestHandshakeWhenThereAreTooMany) {
  load(two_certificates());
  serve(echo(), {.max_handshakes = 2});
  std::vector<std::unique_ptr<RawPeer>> halves;
  for (int i = 0; i < 3; ++i) {
    halves.push_back(std::make_unique<RawPeer>(driver, address()));
    halves.back()->send("\x16\x03\x01");
    driver.settle();
  }

  EXPECT_TRUE(halves[0]->is_closed());
  EXPECT_TRUE(halves[1]->is_open());
  EXPECT_EQ(server->tally().of(HandshakeFailure::Displaced), 1);
  TlsClient client = connect();
  EXPECT_TRUE(client.shake_hands());
}

TEST_F(TlsTransportTest, AnnouncesItsEndToIdleClientsWhenItDrains) {
  serve_facts();
  TlsClient idle = connect();
  ASSERT_TRUE(idle.shake_hands());
  ASSERT_TRUE(gets(idle));
  bool is_drained = false;

  server->drain([&] { is_drained = true; });

  EXPECT_TRUE(idle.is_closed());
  EXPECT_TRUE(idle.has_ended());
  EXPECT_TRUE(eventually(driver, [&] { return is_drained; }));
}

}  // namespace
}  // namespace pixell::net::tls
