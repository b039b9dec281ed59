"""Attributions against closed forms, the completeness of integrated gradients, and Captum's numbers."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amulet.functional.gradients.attributions import Output, gradients, integrated_gradients, log_variances, outputs

X = torch.tensor([[0.2, -0.4, 0.9], [1.0, 0.5, -0.3]], dtype=torch.float64)


def network() -> nn.Module:
    """Three inputs, four hidden units, two classes, with weights that depend on no generator."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for number, weights in enumerate(model.parameters()):
            evenly = torch.linspace(-1, 1, weights.numel(), dtype=torch.float64)
            weights.copy_(evenly.roll(number).reshape(weights.shape).sin())
    return model


def test_the_gradient_of_a_linear_model_is_its_weights() -> None:
    model, classes = nn.Linear(3, 2).double(), torch.tensor([1, 0])
    assert torch.allclose(gradients(model, X, classes), model.weight[classes])


def test_the_gradient_of_a_probability_of_two_classes_has_a_closed_form() -> None:
    model, classes = nn.Linear(3, 2).double(), torch.tensor([1, 0])
    p = model(X).softmax(1)[:, :1]
    slope = model.weight[classes] - model.weight[1 - classes]
    assert torch.allclose(gradients(model, X, classes, output="probability"), p * (1 - p) * slope)


@pytest.mark.parametrize("reference", [0.0, 0.5])
@pytest.mark.parametrize("steps", [1, 8])
def test_integrated_gradients_of_a_linear_model_are_weights_times_differences(reference: float, steps: int) -> None:
    model, classes = nn.Linear(3, 2).double(), torch.tensor([1, 0])
    found = integrated_gradients(model, X, classes, steps=steps, reference=reference)
    assert torch.allclose(found, model.weight[classes] * (X - reference))


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_integrated_gradients_sum_to_the_difference_from_the_reference(output: Output) -> None:
    model = network()
    classes = model(X).argmax(1)
    expected = outputs(model(X), classes, output) - outputs(model(torch.zeros_like(X)), classes, output)
    errors = [
        (integrated_gradients(model, X, classes, steps=steps, output=output).sum(1) - expected).abs().max().item()
        for steps in (8, 16, 256)
    ]
    assert errors[2] < 1e-5
    assert errors[1] < errors[0] / 3  # the midpoint rule's error falls with the square of the steps


def captum_numbers() -> dict[str, Tensor]:
    """What Captum 0.9.0 gave for the network and records above, in torch 2.13.0."""
    numbers = {
        "gradient": [
            [-0.902444579806631, -0.9649276694539298, -0.9956001014506984],
            [-0.8415824550590061, -0.9172373451975447, -0.9626537790289154],
        ],
        "integrated": [
            [-0.18157347964093018, 0.3968297005363889, -0.9392179577723326],
            [-0.9234031566717144, -0.50348178464751, 0.31719825950188946],
        ],
        "gradient of probability": [
            [-0.3046969713674701, -0.3191767857377328, -0.3231343363337113],
            [-0.3259512732410925, -0.3439728760940117, -0.3506547653612618],
        ],
        "integrated, of probability": [
            [0.09681778048847912, 0.3005359944312886, -0.13364929440453316],
            [-0.15359850026434274, -0.0, 0.2610920980104667],
        ],
    }
    return {name: torch.tensor(rows, dtype=torch.float64) for name, rows in numbers.items()}


def own_numbers(model: nn.Module) -> dict[str, Tensor]:
    classes = model(X).argmax(1)
    return {
        "gradient": gradients(model, X, classes),
        "integrated": integrated_gradients(model, X, classes, steps=32),
        "gradient of probability": gradients(model, X, classes, output="probability"),
        "integrated, of probability": integrated_gradients(
            model, X, classes, steps=8, reference=0.5, output="probability"
        ),
    }


def test_attributions_are_those_that_captum_has_given() -> None:
    found, expected = own_numbers(network()), captum_numbers()
    for name, numbers in expected.items():
        torch.testing.assert_close(found[name], numbers, rtol=1e-12, atol=1e-12)


def test_attributions_are_captums() -> None:
    attr = pytest.importorskip("captum.attr")
    model = network()
    classes, probabilities = model(X).argmax(1), nn.Sequential(model, nn.Softmax(1))
    line = {"target": classes, "method": "riemann_middle"}
    expected = {
        "gradient": attr.Saliency(model).attribute(X, target=classes, abs=False),
        "integrated": attr.IntegratedGradients(model).attribute(X, n_steps=32, **line),
        "gradient of probability": attr.Saliency(probabilities).attribute(X, target=classes, abs=False),
        "integrated, of probability": attr.IntegratedGradients(probabilities).attribute(
            X, baselines=0.5, n_steps=8, **line
        ),
    }
    for name, numbers in own_numbers(model).items():
        torch.testing.assert_close(numbers, expected[name], rtol=1e-9, atol=1e-12)


def test_the_gradient_of_a_very_sure_models_probability_is_not_rounded_to_zero() -> None:
    model = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[40.0, 0.0], [0.0, 0.0]]))
    found = gradients(model, torch.ones(1, 2), torch.tensor([0]), output="probability")
    assert found[0, 0].item() == pytest.approx(40 * np.exp(-40), rel=1e-5)  # p (1 - p) w, where float32 has p = 1


def test_attributions_can_be_differentiated_unless_gradients_are_disabled() -> None:
    model = network()
    classes = model(X).argmax(1)
    assert integrated_gradients(model, X, classes, steps=2).requires_grad
    with torch.no_grad():
        assert not integrated_gradients(model, X, classes, steps=2).requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_output_that_ignores_the_inputs_has_attributions_of_zero() -> None:
    def constant(x: Tensor) -> Tensor:
        return torch.zeros(len(x), 2)

    assert not gradients(constant, X, torch.tensor([0, 1])).any()


def test_the_log_variance_is_numpys() -> None:
    found = log_variances(X.reshape(2, 3, 1))
    assert found.numpy() == pytest.approx(np.log(X.numpy().var(axis=1)))
