package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/core/v1"
	networklisters "k8s.io/client-go/listers/networking/v1"
)

const (
	chainPrefix = "POD-"
	egressBase  = chainPrefix + "EGRESS"
	ingressBase = chainPrefix + "INGRESS"
	// On a packet that some rule of a policy allows.
	allowedMark = "0x200/0x200"
	// On what a load balancer sends: it comes from outside, although the node sends it. Anything else of the node may reach its pods.
	outsideMark = 0x100
)

// Network policies as rules of iptables, in the table mangle: behind the choice of a service's pod, and before all that lets packets
// pass. Every pod is on this node, so that every packet between two of them comes by. A connection that is there when a policy comes
// stays.
type policies struct {
	pods       listers.PodLister
	namespaces listers.NamespaceLister
	policies   networklisters.NetworkPolicyLister
	// Addresses of pods that have just got one, by the pods' uid: their status tells it a second later.
	fresh   map[string]string
	applied string
	mutex   sync.Mutex
}

func newPolicies(factory informers.SharedInformerFactory) *policies {
	return &policies{
		pods:       factory.Core().V1().Pods().Lister(),
		namespaces: factory.Core().V1().Namespaces().Lister(),
		policies:   factory.Networking().V1().NetworkPolicies().Lister(),
		fresh:      map[string]string{},
	}
}

// learn returns when what is said of a pod holds at its address.
func (p *policies) learn(ctx context.Context, uid, address string) error {
	p.mutex.Lock()
	p.fresh[uid] = address
	p.mutex.Unlock()
	return p.sync(ctx)
}

func (p *policies) sync(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	pods, err := p.pods.List(labels.Everything())
	if err != nil {
		return err
	}
	namespaces, err := p.namespaces.List(labels.Everything())
	if err != nil {
		return err
	}
	all, err := p.policies.List(labels.Everything())
	if err != nil {
		return err
	}
	wanted := newRuleset(p.addressed(pods), namespaces, all).render()
	if wanted == p.applied {
		return nil
	}
	if err := apply(ctx, wanted); err != nil {
		return err
	}
	p.applied = wanted
	return nil
}

// addressed are the pods with an address of their own.
func (p *policies) addressed(pods []*core.Pod) []*core.Pod {
	var found []*core.Pod
	known := map[string]string{}
	for _, pod := range pods {
		ended := pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
		if pod.Spec.HostNetwork || ended {
			continue
		}
		if address, fresh := p.fresh[string(pod.UID)]; fresh {
			known[string(pod.UID)] = address
			pod = pod.DeepCopy()
			pod.Status.PodIP = address
		}
		if pod.Status.PodIP != "" {
			found = append(found, pod)
		}
	}
	p.fresh = known
	return found
}

// apply replaces all rules at once: no packet sees half of them.
func apply(ctx context.Context, chains string) error {
	saved, err := exec.CommandContext(ctx, "iptables-save", "-t", "mangle").Output()
	if err != nil {
		return fmt.Errorf("iptables-save: %w", err)
	}
	var text strings.Builder
	text.WriteString("*mangle\n")
	var stale []string
	for _, line := range strings.Split(string(saved), "\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, ":"), " ")
		if strings.HasPrefix(line, ":"+chainPrefix) && !strings.Contains(chains, ":"+name+" ") {
			// Naming a chain empties it.
			fmt.Fprintf(&text, ":%s - [0:0]\n", name)
			stale = append(stale, name)
		}
	}
	text.WriteString(chains)
	for _, jump := range []string{
		"FORWARD -j " + egressBase,
		"FORWARD -j " + ingressBase,
		"INPUT -j " + egressBase,
		fmt.Sprintf("POSTROUTING -m mark --mark %#x/%#x -j %s", outsideMark, outsideMark, ingressBase),
	} {
		if !strings.Contains(string(saved), "-A "+jump+"\n") {
			fmt.Fprintf(&text, "-A %s\n", jump)
		}
	}
	for _, name := range stale {
		fmt.Fprintf(&text, "-X %s\n", name)
	}
	text.WriteString("COMMIT\n")
	restore := exec.CommandContext(ctx, "iptables-restore", "--wait", "--noflush")
	restore.Stdin = strings.NewReader(text.String())
	if output, err := restore.CombinedOutput(); err != nil {
		return fmt.Errorf("iptables-restore: %w: %s", err, output)
	}
	return nil
}

// What policies say of which pods, as chains: one for each direction of each pod that some policy isolates.
type ruleset struct {
	pods       []*core.Pod
	namespaces map[string]*core.Namespace
	policies   []*networking.NetworkPolicy
	chains     []string
	rules      []string
}

func newRuleset(pods []*core.Pod, namespaces []*core.Namespace, policies []*networking.NetworkPolicy) *ruleset {
	set := &ruleset{pods: pods, namespaces: map[string]*core.Namespace{}, policies: slices.Clone(policies)}
	for _, namespace := range namespaces {
		set.namespaces[namespace.Name] = namespace
	}
	// In an order of its own, so that the same policies give the same text.
	slices.SortFunc(set.pods, func(one, other *core.Pod) int { return strings.Compare(string(one.UID), string(other.UID)) })
	slices.SortFunc(set.policies, func(one, other *networking.NetworkPolicy) int {
		return strings.Compare(string(one.UID), string(other.UID))
	})
	return set
}

func (r *ruleset) render() string {
	for _, base := range []string{egressBase, ingressBase} {
		r.chain(base)
		r.rule(base, "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN")
	}
	for _, pod := range r.pods {
		var egress, ingress []*networking.NetworkPolicy
		for _, policy := range r.policies {
			if policy.Namespace != pod.Namespace || !selects(&policy.Spec.PodSelector, pod.Labels) {
				continue
			}
			if slices.Contains(policy.Spec.PolicyTypes, networking.PolicyTypeEgress) {
				egress = append(egress, policy)
			}
			if slices.Contains(policy.Spec.PolicyTypes, networking.PolicyTypeIngress) {
				ingress = append(ingress, policy)
			}
		}
		r.isolate(pod, egressBase, "-s", "-d", egress, func(chain string, policy *networking.NetworkPolicy) {
			for _, rule := range policy.Spec.Egress {
				r.allow(chain, "-d", policy.Namespace, rule.To, rule.Ports, nil)
			}
		})
		r.isolate(pod, ingressBase, "-d", "-s", ingress, func(chain string, policy *networking.NetworkPolicy) {
			for _, rule := range policy.Spec.Ingress {
				r.allow(chain, "-s", policy.Namespace, rule.From, rule.Ports, pod)
			}
		})
	}
	return strings.Join(r.chains, "") + strings.Join(r.rules, "")
}

func (r *ruleset) chain(name string) string {
	r.chains = append(r.chains, fmt.Sprintf(":%s - [0:0]\n", name))
	return name
}

func (r *ruleset) rule(chain string, format string, arguments ...any) {
	r.rules = append(r.rules, "-A "+chain+" "+fmt.Sprintf(format, arguments...)+"\n")
}

func (r *ruleset) isolate(
	pod *core.Pod, base, own, other string, policies []*networking.NetworkPolicy, allow func(chain string, policy *networking.NetworkPolicy),
) {
	if len(policies) == 0 {
		return
	}
	address := pod.Status.PodIP
	chain := r.chain(chainName(base, pod.Namespace, pod.Name, string(pod.UID)))
	r.rule(base, "%s %s -j %s", own, address, chain)
	r.rule(chain, "-j MARK --set-xmark 0x0/0x200")
	// A pod always reaches itself, also by the name of a service.
	r.rule(chain, "%s %s -j MARK --set-xmark %s", other, address, allowedMark)
	for _, policy := range policies {
		allow(chain, policy)
	}
	r.rule(chain, "-m mark ! --mark %s -j DROP", allowedMark)
}

// allow lets pass what one rule of a policy allows. `target` is the pod that is reached, where that is known.
func (r *ruleset) allow(chain, side, namespace string, peers []networking.NetworkPolicyPeer, ports []networking.NetworkPolicyPort, target *core.Pod) {
	if len(peers) == 0 {
		r.allowPorts(chain, "", ports, target)
	}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			r.allowBlock(chain, side, peer.IPBlock, ports, target)
			continue
		}
		for _, pod := range r.pods {
			if !r.isPeer(pod, namespace, peer) {
				continue
			}
			reached := target
			if reached == nil {
				reached = pod
			}
			r.allowPorts(chain, side+" "+pod.Status.PodIP+" ", ports, reached)
		}
	}
}

func (r *ruleset) allowBlock(chain, side string, block *networking.IPBlock, ports []networking.NetworkPolicyPort, target *core.Pod) {
	if strings.Contains(block.CIDR, ":") {
		return
	}
	if len(block.Except) == 0 {
		r.allowPorts(chain, side+" "+block.CIDR+" ", ports, target)
		return
	}
	part := r.chain(chainName(chainPrefix, chain, side, block.CIDR, fmt.Sprint(len(r.chains))))
	r.rule(chain, "%s %s -j %s", side, block.CIDR, part)
	for _, except := range block.Except {
		r.rule(part, "%s %s -j RETURN", side, except)
	}
	r.allowPorts(part, "", ports, target)
}

func (r *ruleset) allowPorts(chain, match string, ports []networking.NetworkPolicyPort, target *core.Pod) {
	if len(ports) == 0 {
		r.rule(chain, "%s-j MARK --set-xmark %s", match, allowedMark)
	}
	for _, port := range ports {
		protocol := core.ProtocolTCP
		if port.Protocol != nil {
			protocol = *port.Protocol
		}
		for _, numbers := range portNumbers(port, protocol, target) {
			r.rule(chain, "%s-p %s%s -j MARK --set-xmark %s", match, strings.ToLower(string(protocol)), numbers, allowedMark)
		}
	}
}

// portNumbers gives the port's match, or none when the pod that is reached has no port of that name.
func portNumbers(port networking.NetworkPolicyPort, protocol core.Protocol, target *core.Pod) []string {
	if port.Port == nil {
		return []string{""}
	}
	if name := port.Port.StrVal; name != "" {
		var numbers []string
		if target != nil {
			for _, container := range target.Spec.Containers {
				for _, known := range container.Ports {
					if known.Name == name && known.Protocol == protocol {
						numbers = append(numbers, fmt.Sprintf(" --dport %d", known.ContainerPort))
					}
				}
			}
		}
		return numbers
	}
	if port.EndPort != nil {
		return []string{fmt.Sprintf(" --dport %d:%d", port.Port.IntVal, *port.EndPort)}
	}
	return []string{fmt.Sprintf(" --dport %d", port.Port.IntVal)}
}

func (r *ruleset) isPeer(pod *core.Pod, namespace string, peer networking.NetworkPolicyPeer) bool {
	if peer.NamespaceSelector == nil {
		return pod.Namespace == namespace && selects(peer.PodSelector, pod.Labels)
	}
	of := r.namespaces[pod.Namespace]
	return of != nil && selects(peer.NamespaceSelector, of.Labels) && (peer.PodSelector == nil || selects(peer.PodSelector, pod.Labels))
}

// selects: an empty selector selects all.
func selects(selector *meta.LabelSelector, of map[string]string) bool {
	compiled, err := meta.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(labels.Set(of))
}

// chainName is short enough for the kernel, and the same for the same words.
func chainName(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return chainPrefix + hex.EncodeToString(sum[:])[:20]
}
