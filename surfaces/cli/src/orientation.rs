//! What the command says when nothing was asked of it.

/// A few lines for somebody who meets the command for the first time.
pub const TEXT: &str = "\
Backprove derives gradients that you can read, trust and run.

Try this, a linear layer:

  backprove derive 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]'

Then, with the same program (or a path to a .bp file, or - for standard input):

  backprove derive … --output page.html         the derivation as a page for the browser
  backprove check …                             every step and result verified, in a table
  backprove check … --claim 'dL/db = dL/dY'     is my own formula right?
  backprove emit numpy …                        the gradients as NumPy code
  backprove plan … --sizes S=128,M=784,N=512    how it runs: kernels, operations, memory

And a network that learns with gradients derived like this, on built-in data:

  backprove train

`backprove help` lists everything; `backprove help derive` explains one command with examples.
";
