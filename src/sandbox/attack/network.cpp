// The network: services of this machine and others, and socket families that reach past the network namespace.
#include <arpa/inet.h>
#include <linux/if_alg.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "sandbox/attack/program.h"

namespace aicoder::attack {
namespace {

int tcp_to(const Args& args) {  // ADDRESS PORT
  sockaddr_storage place{};
  socklen_t size = sizeof(sockaddr_in);
  if (std::strchr(args.text(0), ':') != nullptr) {
    auto& six = reinterpret_cast<sockaddr_in6&>(place);
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(static_cast<uint16_t>(args.number(1)));
    ::inet_pton(AF_INET6, args.text(0), &six.sin6_addr);
    size = sizeof six;
  } else {
    auto& four = reinterpret_cast<sockaddr_in&>(place);
    four.sin_family = AF_INET;
    four.sin_port = htons(static_cast<uint16_t>(args.number(1)));
    ::inet_pton(AF_INET, args.text(0), &four.sin_addr);
  }
  const int fd = ::socket(place.ss_family, SOCK_STREAM, 0);
  const timeval patience{3, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  attempt();
  return effect_if(args, ::connect(fd, reinterpret_cast<sockaddr*>(&place), size) == 0 &&
                             ::send(fd, args.nonce, std::strlen(args.nonce), MSG_NOSIGNAL) > 0);
}

int udp_to(const Args& args) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(static_cast<uint16_t>(args.number(1)));
  ::inet_pton(AF_INET, args.text(0), &place.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  attempt();
  // Sending to nobody succeeds too: the host says whether it arrived.
  ::sendto(fd, args.nonce, std::strlen(args.nonce), 0, reinterpret_cast<sockaddr*>(&place), sizeof place);
  return 0;
}

int http_get(const Args& args) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(static_cast<uint16_t>(args.number(1)));
  ::inet_pton(AF_INET, args.text(0), &place.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const timeval patience{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  attempt();
  if (::connect(fd, reinterpret_cast<sockaddr*>(&place), sizeof place) != 0) return effect_if(args, false);
  static constexpr char kGet[] = "GET / HTTP/1.0\r\n\r\n";
  ::send(fd, kGet, sizeof kGet - 1, MSG_NOSIGNAL);
  return show_all(fd);
}

int unix_to(const Args& args) {  // "path" or "@abstract"
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  std::strncpy(place.sun_path, args.text(0), sizeof place.sun_path - 1);
  socklen_t size = sizeof place;
  if (place.sun_path[0] == '@') {
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(args.text(0)));
    place.sun_path[0] = '\0';
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  attempt();
  return effect_if(args, ::connect(fd, reinterpret_cast<sockaddr*>(&place), size) == 0 &&
                             ::send(fd, args.nonce, std::strlen(args.nonce), MSG_NOSIGNAL) > 0);
}

int vsock(const Args& args) {
  attempt();
  return effect_if(args, ::socket(AF_VSOCK, SOCK_STREAM, 0) >= 0);
}

int kernel_crypto(const Args& args) {
  attempt();
  const int fd = ::socket(AF_ALG, SOCK_SEQPACKET, 0);
  sockaddr_alg hash{};
  hash.salg_family = AF_ALG;
  std::strcpy(reinterpret_cast<char*>(hash.salg_type), "hash");
  std::strcpy(reinterpret_cast<char*>(hash.salg_name), "sha256");
  return effect_if(args, fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&hash), sizeof hash) == 0);
}

int raw_socket(const Args& args) {
  attempt();
  return effect_if(args, ::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);
}

int packet_socket(const Args& args) {
  attempt();
  return effect_if(args, ::socket(AF_PACKET, SOCK_RAW, htons(3)) >= 0);
}

/// Another netlink than the one that lists interfaces: NETFILTER 12, AUDIT 9, KOBJECT_UEVENT 15, GENERIC 16.
int other_netlink(const Args& args) {
  attempt();
  bool opened = false;
  for (int protocol = 1; protocol < 23; ++protocol) opened = ::socket(AF_NETLINK, SOCK_RAW, protocol) >= 0 || opened;
  return effect_if(args, opened);
}

/// A new network interface by the netlink that is allowed.
int new_interface(const Args& args) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW, 0);
  struct {
    nlmsghdr head;
    ifinfomsg info;
    char attributes[64];
  } wanted{};
  wanted.head.nlmsg_type = RTM_NEWLINK;
  wanted.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
  wanted.info.ifi_family = AF_UNSPEC;
  auto* outer = reinterpret_cast<rtattr*>(wanted.attributes);
  outer->rta_type = IFLA_LINKINFO;
  auto* kind = reinterpret_cast<rtattr*>(wanted.attributes + RTA_LENGTH(0));
  kind->rta_type = IFLA_INFO_KIND;
  const char* name = args.count > 0 ? args.text(0) : "dummy";
  kind->rta_len = static_cast<unsigned short>(RTA_LENGTH(std::strlen(name)));
  std::memcpy(RTA_DATA(kind), name, std::strlen(name));
  outer->rta_len = static_cast<unsigned short>(RTA_LENGTH(RTA_ALIGN(kind->rta_len)));
  wanted.head.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(sizeof(ifinfomsg)) + RTA_ALIGN(outer->rta_len));
  attempt();
  struct {
    nlmsghdr head;
    nlmsgerr error;
    char rest[512];
  } answer{};
  if (fd < 0 || ::send(fd, &wanted, wanted.head.nlmsg_len, 0) < 0 || ::recv(fd, &answer, sizeof answer, 0) < 0)
    return effect_if(args, false);
  errno = -answer.error.error;
  return effect_if(args, answer.head.nlmsg_type == NLMSG_ERROR && answer.error.error == 0);
}

/// The loopback interface of our own namespace taken down or up: needs CAP_NET_ADMIN.
int change_interface(const Args& args) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq wanted{};
  std::strcpy(wanted.ifr_name, "lo");
  attempt();
  if (fd < 0 || ::ioctl(fd, SIOCGIFFLAGS, &wanted) != 0) return effect_if(args, false);
  wanted.ifr_flags = static_cast<short>(wanted.ifr_flags ^ IFF_UP);
  return effect_if(args, ::ioctl(fd, SIOCSIFFLAGS, &wanted) == 0);
}

int other_families(const Args& args) {
  attempt();
  bool opened = false;
  for (int family = 3; family < 46; ++family) {
    if (family == AF_INET6 || family == AF_NETLINK) continue;
    for (int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET}) {
      const int fd = ::socket(family, type, 0);
      if (fd < 0) continue;
      ::dprintf(1, "family %d\n", family);
      opened = true;
      ::close(fd);
    }
  }
  return effect_if(args, opened);
}

/// Protocols of the internet families beyond TCP and UDP: much code in the kernel, no use in a box.
int other_protocols(const Args& args) {
  attempt();
  bool opened = false;
  struct Pair {
    int type, protocol;
  };
  static constexpr Pair kPairs[] = {{SOCK_STREAM, 262 /* MPTCP */},  {SOCK_STREAM, 132 /* SCTP */}, {SOCK_SEQPACKET, 132},
                                    {SOCK_DGRAM, 136 /* UDPLITE */}, {SOCK_STREAM, 256 /* SMC */},  {SOCK_DGRAM, IPPROTO_ICMP},
                                    {SOCK_DCCP, 33 /* DCCP */},      {SOCK_DGRAM, 115 /* L2TP */}};
  for (const Pair& pair : kPairs) {
    const int fd = ::socket(AF_INET, pair.type, pair.protocol);
    if (fd < 0) continue;
    ::dprintf(1, "protocol %d\n", pair.protocol);
    opened = true;
    ::close(fd);
  }
  return effect_if(args, opened);
}

constexpr Entry kEntries[] = {{"tcp_to", tcp_to},
                              {"udp_to", udp_to},
                              {"http_get", http_get},
                              {"unix_to", unix_to},
                              {"vsock", vsock},
                              {"kernel_crypto", kernel_crypto},
                              {"raw_socket", raw_socket},
                              {"packet_socket", packet_socket},
                              {"other_netlink", other_netlink},
                              {"new_interface", new_interface},
                              {"change_interface", change_interface},
                              {"other_families", other_families},
                              {"other_protocols", other_protocols}};

}  // namespace

Entries network_attacks() { return {kEntries, sizeof kEntries / sizeof kEntries[0]}; }

}  // namespace aicoder::attack
