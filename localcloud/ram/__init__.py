"""Resource Access Management: roles, policies and their attachments; kept, not enforced."""
