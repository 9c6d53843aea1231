// SPDX-License-Identifier: Apache-2.0
// What else pods may send towards the real endpoint than ordinary connections. Needs root.
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include "nmi/redirect/node_namespace.hpp"

namespace podid::nmi {
namespace {

constexpr std::uint32_t address(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}
constexpr std::uint32_t kEndpoint = address(169, 254, 169, 254);
constexpr std::uint32_t kPod = address(10, 9, 0, 2);
constexpr std::uint32_t kNode = address(10, 9, 0, 1);
constexpr std::uint32_t kLoopback = address(127, 0, 0, 1);

std::uint16_t checksum(std::string_view bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto high = static_cast<unsigned char>(bytes[i]);
    const auto low = i + 1 < bytes.size() ? static_cast<unsigned char>(bytes[i + 1]) : 0;
    sum += static_cast<std::uint32_t>(high << 8 | low);
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

struct Ipv4 {
  std::uint32_t source = kPod;
  std::uint32_t destination = kEndpoint;
  std::uint8_t protocol = IPPROTO_TCP;
  std::uint16_t fragment = 0;  // offset and flag, as in the header
  std::string options{};       // whole words
};

std::string packet(const Ipv4& header, std::string_view payload) {
  iphdr ip{};
  ip.version = 4;
  ip.ihl = static_cast<unsigned>(5 + header.options.size() / 4) & 0xf;
  ip.ttl = 64;
  ip.id = htons(4711);
  ip.protocol = header.protocol;
  ip.frag_off = htons(header.fragment);
  ip.tot_len = htons(static_cast<std::uint16_t>(sizeof ip + header.options.size() + payload.size()));
  ip.saddr = htonl(header.source);
  ip.daddr = htonl(header.destination);
  ip.check = htons(checksum(std::string(bytes_of(ip)) + header.options));
  return std::string(bytes_of(ip)) + header.options + std::string(payload);
}

enum class Sum { right, wrong };

std::string segment(std::uint8_t flags, std::uint16_t port = 80, std::uint32_t source = kPod,
                    std::uint32_t destination = kEndpoint, Sum sum = Sum::right) {
  tcphdr tcp{};
  tcp.source = htons(40'000);
  tcp.dest = htons(port);
  tcp.seq = htonl(1);
  tcp.doff = 5;
  tcp.th_flags = flags;
  tcp.window = htons(1024);
  const std::uint32_t pseudo =
      (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) + IPPROTO_TCP + sizeof tcp;
  tcp.check = htons(static_cast<std::uint16_t>(checksum(bytes_of(tcp), pseudo) + (sum == Sum::wrong)));
  return std::string(bytes_of(tcp));
}

class PacketsRootTest : public NodeNamespaceTest {
 protected:
  void SetUp() override {
    NodeNamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_NO_FATAL_FAILURE(move_endpoint_elsewhere());
    // Not the NMI's answer to who says to be the endpoint: the node sends that itself.
    in_namespace(
        elsewhere_,
        "nft \"add table ip count; add chain ip count c { type filter hook prerouting priority -400; }; "
        "add rule ip count c tcp flags == syn|ack return; add rule ip count c ip daddr 169.254.169.254 counter; "
        "add rule ip count c ip protocol 4 counter\"");
  }
  // What the machine of the endpoint has seen of packets for it.
  std::string seen() {
    std::string packets;
    const std::string listed = in_namespace(elsewhere_, "nft list chain ip count c").output;
    for (std::size_t at = listed.find("packets "); at != std::string::npos; at = listed.find("packets ", at + 1)) {
      packets += listed.substr(at + 8, listed.find(' ', at + 8) - at - 8) + " ";
    }
    return packets;
  }
  // The pod sends it to the node, whatever is in it. Needs NET_RAW, which pods have by default.
  void pod_sends(const std::string& bytes) {
    inside(pod_, [&] {
      const int raw = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      ASSERT_GE(raw, 0);
      sockaddr_ll to{};
      to.sll_family = AF_PACKET;
      to.sll_protocol = htons(ETH_P_IP);
      to.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
      to.sll_halen = 6;
      std::memcpy(to.sll_addr, bridge_.data(), bridge_.size());
      EXPECT_EQ(::sendto(raw, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
                static_cast<ssize_t>(bytes.size()));
      ::close(raw);
    });
  }
  void learn_bridge() {
    const std::string link = run("ip -o link show br0").output;
    const std::size_t at = link.find("link/ether ") + 11;
    for (std::size_t i = 0; i < bridge_.size(); ++i) {
      bridge_.at(i) = static_cast<unsigned char>(std::stoi(link.substr(at + 3 * i, 2), nullptr, 16));
    }
  }

  std::array<unsigned char, 6> bridge_{};
};

std::vector<std::pair<std::string, std::string>> odd_packets() {
  const std::string syn = segment(TH_SYN);
  std::vector<std::pair<std::string, std::string>> all{
      {"ACK first", packet({}, segment(TH_ACK))},
      {"SYN and FIN", packet({}, segment(TH_SYN | TH_FIN))},
      {"no flag", packet({}, segment(0))},
      {"RST", packet({}, segment(TH_RST))},
      {"wrong checksum", packet({}, segment(TH_SYN, 80, kPod, kEndpoint, Sum::wrong))},
      {"another port", packet({}, segment(TH_SYN, 8080))},
      {"UDP", packet({.protocol = IPPROTO_UDP}, std::string("\x9c\x40\x00\x50\x00\x08\x00\x00", 8))},
      {"ICMP", packet({.protocol = IPPROTO_ICMP}, std::string("\x08\x00\xf7\xff\x00\x00\x00\x00", 8))},
      {"protocol of nobody", packet({.protocol = 253}, "12345678")},
      // Loose source routing by way of the node.
      {"LSRR", packet({.destination = kNode, .options = std::string("\x83\x07\x04\xa9\xfe\xa9\xfe\x00", 8)},
                      segment(TH_SYN, 80, kPod, kNode))},
      {"in another packet", packet({.protocol = IPPROTO_IPIP}, packet({}, syn))},
      {"in another packet for the node", packet({.destination = kNode, .protocol = IPPROTO_IPIP}, packet({}, syn))},
      {"first fragment alone", packet({.fragment = IP_MF}, syn.substr(0, 8))},
      {"port in the second fragment that overlaps", packet({.fragment = 1}, syn.substr(8))},
  };
  for (const std::uint32_t source : {kLoopback, address(127, 1, 2, 3), kNode, kEndpoint, 0u, address(10, 8, 0, 1)}) {
    all.emplace_back("source " + std::to_string(source >> 24) + "…",
                     packet({.source = source}, segment(TH_SYN, 80, source)));
  }
  return all;
}

TEST_F(PacketsRootTest, NothingOddReachesTheEndpoint) {
  ASSERT_NO_FATAL_FAILURE(learn_bridge());
  for (const char* backend : {"nftables", "iptables"}) {
    for (const std::uint32_t priority : {2u, 0u}) {  // with the fence, and the back end's own rules alone
      fence_priority = priority;
      keep(backend);
      const std::string before = seen();
      ASSERT_NE(before, "");
      for (const auto& [what, bytes] : odd_packets()) {
        pod_sends(bytes);
        EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << "what came before has been handled: " << what;
        EXPECT_EQ(seen(), before) << what << ", " << backend << ", fence " << priority;
      }
      end(RedirectKeeper::Rules::are_removed);
    }
  }
  const std::string before = seen();
  pod_sends(packet({}, segment(TH_SYN, 8080)));
  EXPECT_TRUE(eventually([&] { return seen() != before; })) << "the way there must exist for the test to mean anything";
}

TEST_F(PacketsRootTest, ThePortsOfTheNodesLoopbackAnswerNoPacketFromOutside) {
  ASSERT_NO_FATAL_FAILURE(learn_bridge());
  for (const char* backend : {"nftables", "iptables"}) {
    keep(backend);
    must(
        "nft \"add table ip count; add chain ip count c { type filter hook output priority 0; }; add rule ip count c "
        "ip "
        "daddr 10.9.0.2 tcp dport 40000 counter\"");
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{2579, 8081}) {
      for (const std::uint32_t source : {kPod, kLoopback}) {
        pod_sends(packet({.source = source, .destination = kLoopback}, segment(TH_SYN, port, source, kLoopback)));
      }
    }
    EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
    EXPECT_TRUE(run("nft list chain ip count c").output.contains("packets 0 ")) << backend;
    must("nft delete table ip count");
    end(RedirectKeeper::Rules::are_removed);
  }
}

TEST_F(PacketsRootTest, AConnectionInFragmentsMeetsTheNmi) {
  ASSERT_NO_FATAL_FAILURE(learn_bridge());
  for (const char* backend : {"nftables", "iptables"}) {
    keep(backend);
    must(
        "nft \"add table ip count; add chain ip count c { type filter hook postrouting priority 200; }; add rule ip "
        "count c "
        "ip daddr 10.9.0.2 tcp dport 40000 tcp flags syn,ack counter\"");
    const std::string before = seen();
    const std::string syn = segment(TH_SYN);
    pod_sends(packet({.fragment = IP_MF}, syn.substr(0, 8)));
    pod_sends(packet({.fragment = IP_MF | 1}, syn.substr(8, 8)));
    pod_sends(packet({.fragment = 2}, syn.substr(16)));
    EXPECT_TRUE(eventually([] { return !run("nft list chain ip count c").output.contains("packets 0 "); }))
        << backend << ": put together and redirected";
    EXPECT_EQ(seen(), before);
    must("nft delete table ip count");
    end(RedirectKeeper::Rules::are_removed);
  }
}

// As kube-proxy would for a Service whose Endpoints are the metadata endpoint.
TEST_F(PacketsRootTest, AServiceAddressLeadsToTheEndpointNoMore) {
  must(
      "nft \"add table ip service; add chain ip service c { type nat hook prerouting priority dstnat; }; add rule ip "
      "service c ip daddr 10.96.0.1 tcp dport 80 dnat to 169.254.169.254:80\"");
  const std::string service = "http://10.96.0.1/metadata";
  ASSERT_EQ(pod_gets(service), "REAL 10.9.0.2\n") << "the way there must exist for the test to mean anything";
  for (const char* backend : {"nftables", "iptables"}) {
    for (const std::uint32_t priority : {2u, 0u}) {
      fence_priority = priority;
      keep(backend);
      EXPECT_EQ(in_pod("curl -s -m 0.5 " + service).output, "") << backend << ", fence " << priority;
      EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
      end(RedirectKeeper::Rules::are_removed);
    }
  }
}

TEST_F(PacketsRootTest, AConnectionThatIsOlderGetsNothing) {
  for (const char* backend : {"nftables", "iptables"}) {
    int connection = -1;
    inside(pod_, [&] {
      connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const boost::asio::ip::tcp::endpoint to(boost::asio::ip::make_address("169.254.169.254"), 80);
      ASSERT_EQ(::connect(connection, to.data(), static_cast<socklen_t>(to.size())), 0);
    });
    keep(backend);
    const timeval patience{.tv_sec = 0, .tv_usec = 500'000};
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const std::string request = "GET /metadata HTTP/1.1\r\n\r\n";
    EXPECT_EQ(::send(connection, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::array<char, 256> answer{};
    EXPECT_LE(::recv(connection, answer.data(), answer.size(), 0), 0) << backend << ": " << answer.data();
    ::close(connection);
    end(RedirectKeeper::Rules::are_removed);
    // The server of the test takes one connection after another.
    ::kill(endpoint_, SIGKILL);
    ::waitpid(endpoint_, nullptr, 0);
    inside(elsewhere_, [this] { endpoint_ = serve("169.254.169.254", 80, "REAL"); });
  }
}

TEST_F(PacketsRootTest, RefusedAndNotPassedOnWhileNobodyListens) {
  for (const char* backend : {"nftables", "iptables"}) {
    keep(backend);
    end(RedirectKeeper::Rules::stay);
    ::kill(service_, SIGKILL);
    ::waitpid(service_, nullptr, 0);
    const Ran ran = in_pod("curl -s -m 3 " + kMetadata);
    EXPECT_EQ(WEXITSTATUS(ran.status), 7) << backend << ": refused, not dropped";
    service_ = serve("127.0.0.1", 2579, "NMI");
    EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << "the successor";
    keep(backend);
    end(RedirectKeeper::Rules::are_removed);
  }
}

}  // namespace
}  // namespace podid::nmi
