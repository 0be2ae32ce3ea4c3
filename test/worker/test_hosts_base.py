"""Each host keeps the whole contract: what a release calls is there, under the same names."""

import inspect

from support import WorkerCase

from hosts import base
from hosts.compose import ComposeHost
from hosts.compose_data import ComposeData
from hosts.kubernetes import KubernetesHost
from hosts.kubernetes_data import KubernetesData


class ContractTest(WorkerCase):
    def test_nothing_of_it_is_left_out_or_asked_for_otherwise(self):
        checked = 0
        for contract, hosts in ((base.Serving, (ComposeHost, KubernetesHost)),
                                (base.Data, (ComposeData, KubernetesData))):
            for name, method in inspect.getmembers(contract, inspect.isfunction):
                if "raise NotImplementedError" not in inspect.getsource(method):
                    continue
                for host in hosts:
                    with self.subTest(f"{host.__name__}.{name}"):
                        self.assertIn(name, vars(host))
                        self.assertEqual(inspect.signature(vars(host)[name]), inspect.signature(method))
                        checked += 1
        self.assertGreater(checked, 40)
