"""Whether an image is signed, and its gates have passed: looked at before anything of it is run.

What is signed comes with the request. cosign verifies it in a container of its own, without a network: neither the
registry nor what runs on this host has a say in it.
"""

import base64
import json
import re

from failures import Failure, tail
from files import STATE, remove_tree, write
from hosts import compose_images as images
from ledger import digest_of
from shell import run

PROOF = STATE / "proof"
#: Types of the statements by their name in a request, as components/signature/proof.ts has them.
TYPES = {"signature": "https://sigstore.dev/cosign/sign/v1", "attestation": "urn:odoo-ship:gates:1"}
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
#: Lists of what is in an image, as results of gates name them.
LISTS = ("spdx", "cyclonedx")
#: Outcomes of a gate with which an image may be released.
GOOD = ("passed", "incomplete")
DEPLOY_SIGNED = "deploy a digest that staging has released and signed"
# Of the container that verifies: it reads files that everybody may read, and says yes or no.
VERIFIER = ["--network", "none", "--read-only", "--user", "65532:65532", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--memory", "256m", "--cpus", "1", "--pids-limit", "64"]


def refuse_unsigned(request, limit=120):
    """Raises Failure for an image that is not signed as the request says; asks nothing where it says nothing."""
    proof = request.get("signature")
    if proof is None:
        return
    image = request["image"]
    if not proof["signature"]:
        raise Failure("IMAGE_UNSIGNED", "the image is not signed", found=f"no signature of {image}",
                      expected="one, since gates:signing asks for it", remedy=DEPLOY_SIGNED)
    if not proof["attestation"]:
        raise Failure("ATTESTATION_MISSING", "nobody has signed that the image's gates have passed",
                      found=f"no results of gates for {image}", expected=f"a signed statement {TYPES['attestation']}",
                      remedy=DEPLOY_SIGNED)
    images.refuse_tag(proof["cosign"])
    images.pull(proof["cosign"], 600)
    statements = {name: statement(proof[name], name, image) for name in TYPES}
    try:
        for name, text in files(proof, statements).items():
            write(PROOF / name, text, mode=0o444)
        PROOF.chmod(0o755)
        for name in TYPES:
            verify(proof, name, image, limit)
    finally:
        remove_tree(PROOF)
    refuse_failed_gates(statements["attestation"][1], image)
    # Absent in a request from before releases had lists, to which a rollback may lead.
    if proof.get("sbom"):
        refuse_without_lists(statements["attestation"][1], image)


def statement(text, name, image):
    """(bundle, statement) of a text. The bundle is written anew for cosign: what it verifies is what is judged here,
    and no field of an older format brings a key of its own along.
    """
    try:
        read = json.loads(text)
        envelope = read["dsseEnvelope"]
        if (read["mediaType"], envelope["payloadType"]) != (MEDIA_TYPE, PAYLOAD_TYPE):
            raise ValueError("another format")
        bundle = {"mediaType": MEDIA_TYPE, "verificationMaterial": read["verificationMaterial"],
                  "dsseEnvelope": envelope}
        said = json.loads(base64.b64decode(envelope["payload"], validate=True))
        digests = {f"sha256:{subject['digest'].get('sha256')}" for subject in said["subject"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise invalid(image, f"{name}: not to be read: {error}") from None
    if said.get("predicateType") != TYPES[name]:
        raise invalid(image, f"{name}: a statement of another type")
    if digest_of(image) not in digests:
        raise invalid(image, f"{name}: it is about {', '.join(sorted(digests))}")
    return bundle, said


def files(proof, statements):
    signer = proof["signer"]
    by = {"signer.pub": signer["publicKey"]} if "publicKey" in signer else {"trusted-root.json": signer["trustedRoot"]}
    return {**by, **{f"{name}.json": json.dumps(bundle) for name, (bundle, _) in statements.items()}}


def verify(proof, name, image, limit):
    args = ["docker", "run", "--rm", *VERIFIER, "--volume", f"{PROOF}:/proof:ro", proof["cosign"],
            *arguments(proof["signer"], name, digest_of(image))]
    result = run(args, limit)
    if result.status in (124, 125):
        raise Failure("CONTAINER_START_FAILURE", "the signature could not be looked at",
                      found=tail(result.text, 3), expected=f"an answer of {proof['cosign']}",
                      remedy="mend what Docker says, then deploy again; what runs goes on", log=tail(result.text))
    if not result.ok:
        raise invalid(image, f"{name}: {tail(result.text, 1)}")


def arguments(signer, name, digest):
    """As cosignArguments in components/signature/proof.ts."""
    if "publicKey" in signer:
        by = ["--key=/proof/signer.pub", "--insecure-ignore-tlog=true"]
    else:
        by = [f"--certificate-identity={signer['identity']}", f"--certificate-oidc-issuer={signer['issuer']}",
              "--trusted-root=/proof/trusted-root.json"]
    return ["verify-blob-attestation", f"--bundle=/proof/{name}.json", f"--type={TYPES[name]}",
            f"--digest={digest.removeprefix('sha256:')}", "--digestAlg=sha256", *by]


def refuse_failed_gates(said, image):
    """Of a statement that cosign has verified."""
    try:
        failed = [str(gate["name"]) for gate in said["predicate"]["gates"] if gate["outcome"] not in GOOD]
        told = bool(said["predicate"]["gates"])
    except (KeyError, TypeError):
        failed, told = [], False
    if failed or not told:
        raise Failure("ATTESTATION_REFUSED", "the image has been signed although its gates have not passed",
                      found=f"{image}: {', '.join(failed) or 'no result of any gate'}",
                      expected="gates that have passed: this program signs no other image",
                      remedy=f"find out who has used the key, and change it; {DEPLOY_SIGNED}")


def refuse_without_lists(said, image):
    """Of the same statement. The lists themselves are in the registry, where the update has found them."""
    named = said["predicate"].get("sbom")
    named = named if isinstance(named, dict) else {}
    lacking = [name for name in LISTS if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(named.get(name)))]
    if lacking:
        raise Failure("SBOM_MISSING", "the image has no list of what is in it",
                      found=f"{image}: the results of its gates name no {' and no '.join(lacking)}",
                      expected="both lists by their digests, since gates:sbom is required", remedy=DEPLOY_SIGNED)


def invalid(image, found):
    return Failure("SIGNATURE_INVALID", "no signature of the image counts", found=f"{image}\n{found}",
                   expected="a signature of this digest by whom gates:publicKey, or gates:signer, names",
                   remedy=f"do not run it before you know who has made it; {DEPLOY_SIGNED}")
